"""What is made of finished runs: samples, interpolations, probes; one tiny run of each kind of data serves them all."""

import json
import re

import numpy as np
import pytest
import torch
from builders import small_batch, small_model
from corpora import write_ldc_tree
from mido import MidiFile

from benchmark import evaluate, interpolate, probe, sample
from benchmark.data.dataset import file_stems
from benchmark.data.phones import CLASSES
from benchmark.errors import UserError
from benchmark.interpolate import End, between, encode
from benchmark.run import main as run
from benchmark.run_lookup import find_run
from benchmark.sample_folder import FREELY, GENERATED, INTERPOLATED, read_note
from zforcing import Batch

SIZES = ("embedding_size=6", "hidden_size=8", "sample_steps=12", "max_updates=2", "batch_size=2")
LATENT = ("latent_size=3", "mlp_size=6")
TIMIT = "Timit.require_all_files=False"
KINDS = {
    "speech": ("timit_zf", *LATENT, TIMIT),
    "speech_lstm": ("timit_lstm", TIMIT),
    "images": ("seqmnist_storn", *LATENT, "pixels_per_step=28", "Samples.count=2"),
    "text": ("ptb_sentence_srnn", *LATENT),
    "music": ("music_vrnn", *LATENT),
}
PHONES = "0 300 h#\n300 900 s\n900 1450 iy\n1450 1600 q\n1600 2500 h#\n"


class Runs:
    """Trains a run of a kind when it is first asked for."""

    def __init__(self, folder):
        self.out = folder / "out"
        self.data = write_ldc_tree(folder / "corpus", train_speakers=3, test_speakers=1, files=8)
        for path in self.data.rglob("*.PHN"):
            path.write_text(PHONES)
        self.options = ("--out", str(self.out), "--data", str(self.data))
        self.trained = {}

    def __call__(self, kind):
        if kind not in self.trained:
            name, *settings = KINDS[kind]
            given = [a for setting in (*SIZES, *settings) for a in ("--set", setting)]
            run(["--gin", f"gin/{name}.gin", *given, *self.options])
            (folder,) = (self.out / "runs").glob(f"{name}-*")
            self.trained[kind] = folder.name
        return self.trained[kind]

    def folder(self, kind):
        return self.out / "runs" / self(kind)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("runs"))


def write(main, runs, kind, *options):
    main([runs(kind), *runs.options, *options])


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


SAMPLES = {
    "speech": {"original_0.wav", "original_1.wav", "generated_0.wav", "generated_1.wav", "waveforms.png"},
    "images": {"images.png", "original.png", "generated.png"},
    "text": {"samples.txt"},
    "music": {"original_0.mid", "original_1.mid", "generated_0.mid", "generated_1.mid", "piano_rolls.png"},
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_are_those_of_the_run_until_something_else_is_asked_for(runs, kind, tmp_path):
    write(sample.main, runs, kind)
    made = contents(runs.folder(kind) / "generated")
    assert set(made) == {*SAMPLES[kind], GENERATED}
    assert made == contents(runs.folder(kind) / "samples")
    if kind in ("text", "music"):  # the figures of the others take seconds
        for number, options in enumerate((["--seed", "5"], ["--prefix", "3"], ["--most-likely"], ["--steps", "7"])):
            write(sample.main, runs, kind, *options, "--folder", str(tmp_path / str(number)))
            other = contents(tmp_path / str(number))
            assert set(other) == {*SAMPLES[kind], GENERATED}
            assert other != made


def test_samples_go_on_from_their_prefix(runs, tmp_path):
    write(sample.main, runs, "music", "--count", "2", "--prefix", "6", "--steps", "4", "--folder", str(tmp_path))
    for number in range(2):
        original, generated = (MidiFile(str(tmp_path / f"{kind}_{number}.mid")) for kind in ("original", "generated"))
        assert heard(original, 6) == heard(generated, 6)


def test_samples_say_how_they_were_made(runs, tmp_path):
    """Freely, or else what the command was told; never what does not hold."""
    folder = runs.folder("music") / "samples"
    assert read_note(folder) == FREELY
    assert read_note(tmp_path) is None
    for options, holds, does_not in (
        (["--prefix", "6"], "first 6 steps.*original's.*drawn freely", "most likely"),
        (["--most-likely"], "most likely frame.*latents are drawn", "freely"),
    ):
        write(sample.main, runs, "music", *options, "--steps", "4", "--folder", str(tmp_path))
        assert re.search(holds, read_note(tmp_path))
        assert does_not not in read_note(tmp_path)
    for frames, holds, does_not in (("drawn", "same random numbers", "likely"), ("most-likely", "likely", "drawn")):
        folder = tmp_path / frames
        options = ["--to", "2", "--points", "2", "--steps", "6", "--frames", frames, "--folder", str(folder)]
        write(interpolate.main, runs, "music", *options)
        assert holds in read_note(folder)
        assert does_not not in read_note(folder)


def test_a_sentence_shows_where_its_prefix_ends(runs, tmp_path):
    write(sample.main, runs, "text", "--prefix", "2", "--folder", str(tmp_path))
    passages = [block.splitlines() for block in (tmp_path / "samples.txt").read_text().strip().split("\n\n")]
    original, generated = ([p[1] for p in passages if p[0].startswith(kind)] for kind in ("original", "generated"))
    assert len(original) == len(generated) > 0
    for before, after in zip(original, generated, strict=True):
        assert after.split()[:3] == [*before.split()[:2], "|"]
        assert "|" not in before


def test_what_an_earlier_call_wrote_is_replaced(runs, tmp_path):
    (tmp_path / "original_7.mid").write_bytes(b"a user's")
    for count in (3, 1):
        write(sample.main, runs, "music", "--count", str(count), "--steps", "4", "--folder", str(tmp_path))
        names = {f"{kind}_{number}.mid" for kind in ("original", "generated") for number in range(count)}
        assert set(contents(tmp_path)) == {*names, "piano_rolls.png", GENERATED, "original_7.mid"}
    kept = set(contents(tmp_path))
    for pair in (["--from", "0", "1", "--to", "2", "3"], ["--to", "2"]):
        options = ["--points", "3", "--steps", "4", "--folder", str(tmp_path)]
        write(interpolate.main, runs, "music", *pair, *options)
    assert set(contents(tmp_path)) == kept | INTERPOLATIONS["music"] | {INTERPOLATED}
    (tmp_path / GENERATED).write_text('{"note": "a", "files": ["../elsewhere.mid"]}')
    (tmp_path.parent / "elsewhere.mid").write_bytes(b"")
    write(sample.main, runs, "music", "--count", "1", "--folder", str(tmp_path))
    assert (tmp_path.parent / "elsewhere.mid").exists()
    (tmp_path / GENERATED).write_text("{")
    with pytest.raises(UserError, match=r"generated.json: cannot be read .*; remove it, or make the samples again"):
        write(sample.main, runs, "music", "--count", "1", "--folder", str(tmp_path))


def test_fewer_steps_than_asked_for_are_announced(runs, tmp_path, capsys):
    folder = ["--folder", str(tmp_path)]
    for options, said in (
        (["--steps", "11"], ""),
        (["--steps", "12"], "11 steps instead of 12: the longest test sequence has no more\n"),
        (["--steps", "9", "--prefix", "4"], "7 steps instead of 9: the longest test sequence has no more after 4\n"),
    ):
        write(sample.main, runs, "speech", "--count", "1", *options, *folder)
        found = capsys.readouterr().err
        assert found.endswith(said)
        assert ("instead" in found) == bool(said)


def heard(file, steps):
    """What begins or ends in the first steps, without what the next one changes."""
    time, events = 0.0, []
    for message in file:
        time += message.time
        if not message.is_meta and time < 0.25 * steps - 1e-6:
            events.append((round(time, 6), message.type, message.note))
    return events


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--count", "0"], "--count must be at least 1, got 0"),
        (["--steps", "-1"], "--steps must be at least 1, got -1"),
        (["--prefix", "-1"], "--prefix must be at least 0, got -1"),
        (["--prefix", "10000"], "0 of 8 test sequences have more than 10000 steps.*lower --prefix or --count"),
    ],
)
def test_samples_that_cannot_be_made(runs, options, message):
    with pytest.raises(UserError, match=message):
        write(sample.main, runs, "speech", *options)


POINTS = ("0-2_00_original_0", "0-2_01_weight_0", "0-2_02_weight_0.5", "0-2_03_weight_1", "0-2_04_original_2")
INTERPOLATIONS = {
    "speech": {*(f"{point}.wav" for point in POINTS), "0-2.png"},
    "images": {*(f"{point}.png" for point in POINTS), "images.png"},
    "text": {"sentences.json"},
    "music": {*(f"{point}.mid" for point in POINTS), "0-2.png"},
}


@pytest.mark.parametrize("kind", INTERPOLATIONS)
def test_interpolations_are_written_in_the_datas_own_form(runs, kind, tmp_path):
    options = ["--to", "2", "--points", "3", "--steps", "6"]
    write(interpolate.main, runs, kind, *options)
    made = contents(runs.folder(kind) / "interpolation")
    assert set(made) == {*INTERPOLATIONS[kind], INTERPOLATED}
    if kind in ("text", "music"):
        usual, other = ("most-likely", "drawn") if kind == "text" else ("drawn", "most-likely")
        for frames in (usual, other):
            write(interpolate.main, runs, kind, *options, "--frames", frames, "--folder", str(tmp_path / frames))
        assert contents(tmp_path / usual) == made
        assert contents(tmp_path / other) != made


def test_sentences_stand_in_order_from_one_to_the_other(runs, tmp_path):
    options = ["--from", "0", "1", "--to", "2", "3", "--points", "3", "--folder", str(tmp_path)]
    write(interpolate.main, runs, "text", *options)
    sentences = json.loads((tmp_path / "sentences.json").read_text())
    of_other = ("1-3_00_original_1", "1-3_01_weight_0", "1-3_02_weight_0.5", "1-3_03_weight_1", "1-3_04_original_3")
    assert list(sentences) == [*POINTS, *of_other]
    assert sentences[POINTS[0]].split()
    assert list(sentences) == sorted(sentences)


def test_many_points_sort_too():
    stems = file_stems("0-1", [f"weight {place}" for place in range(101)])
    assert stems == sorted(stems)
    assert (stems[0], stems[-1]) == ("0-1_000_weight_0", "0-1_100_weight_100")


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("speech_lstm", [], "LSTM has no latents to interpolate between"),
        ("speech", ["--to", "99"], "there is no test sequence 99: they are numbered from 0 to 7"),
        ("speech", ["--from", "3", "--to", "3"], "both name sequence 3; name two different ones"),
        ("speech", ["--from", "3", "4"], r"--from names 2 sequence\(s\) and --to 1"),
        ("speech", ["--points", "1"], "--points must be at least 2"),
        ("speech", ["--steps", "0"], "--steps must be at least 1"),
    ],
)
def test_interpolations_that_cannot_be_made(runs, kind, options, message):
    with pytest.raises(UserError, match=message):
        write(interpolate.main, runs, kind, *options)


@pytest.mark.parametrize("head", ["gaussian", "bernoulli", "categorical"])
def test_the_ends_of_an_interpolation_are_the_sequences_own(head):
    """A shorter sequence goes on with the prior's mean; the longer one is told by its latents to the end."""
    model = small_model("zf", head)
    long, short = (encode(model, small_batch(model.head, steps, 1)) for steps in (6, 4))

    def expected(end):
        def latents(t, prior):
            return end.latents[t] if t < len(end.latents) else prior.mean

        return model.generate(6, 1, prefix=end.first_input, latents=latents, most_likely=True)[:, 0].numpy()

    for ends in ((long, short), (short, long)):
        for weight in (0, 1):
            np.testing.assert_allclose(between(model, ends, weight), expected(ends[weight]), rtol=1e-12)
    if head == "gaussian":
        half = between(model, (long, End(long.first_input + 2.0, long.latents + 2.0)), 0.5)
        shifted = expected(End(long.first_input + 1.0, long.latents + 1.0))
        np.testing.assert_allclose(half, shifted, rtol=1e-9)


def test_an_interpolation_starts_with_what_the_encoder_read():
    model = small_model("zf")
    batches = [small_batch(model.head, 5, 1) for _ in range(2)]
    ends = first, _ = tuple(encode(model, batch) for batch in batches)
    assert torch.equal(first.first_input, batches[0].inputs[:1])
    from_zeros = model.generate(5, 1, latents=lambda t, prior: first.latents[t], most_likely=True)
    assert np.abs(between(model, ends, 0)[0] - from_zeros[0, 0].numpy()).max() > 1e-3


def test_points_share_their_random_numbers():
    model = small_model("zf")
    ends = [encode(model, small_batch(model.head, 5, 1)) for _ in range(2)]
    drawn = [between(model, ends, w, torch.Generator().manual_seed(3)) for w in (0.3, 0.3 + 1e-9, 0.9)]
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-5)
    assert np.abs(drawn[0] - drawn[2]).max() > 1e-2


def test_a_probe_is_written_beside_the_records(runs):
    names = [runs("speech"), runs("speech_lstm")]
    probe.main([*names, *runs.options])
    results = {path.stem: json.loads(path.read_text()) for path in (runs.out / "probes").iterdir()}
    assert set(results) == set(names)
    latent, lstm = (results[name] for name in names)
    assert set(latent["what"]) == {"latents", "states"}
    assert set(lstm["what"]) == {"states"}
    assert (latent["what"]["latents"]["dimensions"], latent["what"]["states"]["dimensions"]) == (3, 8)
    for result in (latent, lstm):
        # 12 frames, of which the first is not scored and one is of the glottal stop
        assert [result[f"frames_{split}"] for split in probe.SPLITS] == [23 * 10, 10, 8 * 10]
        assert result["classes"] == 3
        assert result["majority"] == 0.5
        assert all(0 <= x["accuracy"] <= 1 for x in result["what"].values())
    assert latent["label"] == "Z-Forcing + kla, aux"
    first = (runs.out / "probes" / f"{names[0]}.json").read_bytes()
    probe.main([names[0], *runs.options])
    assert (runs.out / "probes" / f"{names[0]}.json").read_bytes() == first
    probe.main([names[0], *runs.options, "--frames", "30"])
    assert (runs.out / "probes" / f"{names[0]}.json").read_bytes() == first, "tables show that of all frames"
    (runs.out / "probes" / f"{names[0]}_frames30.json").unlink()


@pytest.mark.parametrize("place", ["runs", "runs/{}"])
def test_what_is_measured_of_a_run_goes_to_the_results_folder_that_it_lies_in(runs, place, monkeypatch, tmp_path):
    """Wherever the command is given, and however the run is named."""
    names = {probe: runs("speech"), evaluate: runs("music")}
    written = {probe: f"probes/{names[probe]}.json", evaluate: f"bounds/{names[evaluate]}_iwae2_test.json"}
    for command, options in ((probe, []), (evaluate, ["--samples", "2"])):
        name = names[command]
        (runs.out / written[command]).unlink(missing_ok=True)
        monkeypatch.chdir(runs.out / place.format(name))
        command.main(["." if "{" in place else name, "--out", str(tmp_path), *runs.options[2:], *options])
        assert (runs.out / written[command]).is_file()


def test_every_labelled_frame_is_probed(runs):
    """The frames of the test split that have a class, in their order, or every third of all frames that has one."""
    options = probe.parse_arguments([runs("speech"), *runs.options])
    loaded = probe.load_run(runs("speech"), options)
    frames = probe.encode_frames(loaded.parts.model, loaded.parts.dataset, "test", 10**9, lambda: None)
    assert [CLASSES[index] for index in frames.classes[:10]] == ["sil", *["s"] * 3, *["iy"] * 2, *["sil"] * 4]
    assert frames.latents.shape == (80, 3)
    assert np.array_equal(frames.classes, np.tile(frames.classes[:10], 8))
    thinned = probe.encode_frames(loaded.parts.model, loaded.parts.dataset, "test", 30, lambda: None)
    without_stop = [n for n in range(88) if n % 11 != 6]
    kept = [place for place, n in enumerate(without_stop) if n % 3 == 0]
    for all_frames, some in zip(frames, thinned, strict=True):
        assert np.array_equal(all_frames[kept], some)
    model, sequence = loaded.parts.model, loaded.parts.dataset.test[3]
    encoding = model.encode(Batch(*(torch.from_numpy(x[:, None]) for x in sequence)))
    own = [n for n in range(11) if n != 6]
    np.testing.assert_allclose(frames.latents[30:40], encoding.latents[own, 0], atol=1e-6)
    np.testing.assert_allclose(frames.states[30:40], encoding.states[own, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [("music", [], "is of music_jsb, whose phones are not known"), ("speech", ["--frames", "0"], "--frames must be")],
)
def test_probes_that_cannot_be_made(runs, kind, options, message):
    with pytest.raises(UserError, match=message):
        write(probe.main, runs, kind, *options)


@pytest.mark.parametrize("main", [sample.main, interpolate.main, probe.main])
def test_a_run_that_is_not_finished_or_not_there(runs, main, tmp_path):
    with pytest.raises(UserError, match="there is no run nothing: it is no folder, nor the id of a run in"):
        main(["nothing", *runs.options])
    (tmp_path / "runs/half").mkdir(parents=True)
    with pytest.raises(UserError, match=r"is no finished run: it lacks record.json, config.gin, model.pt"):
        main(["half", "--out", str(tmp_path)])


def test_damaged_weights_are_refused(runs, tmp_path):
    folder = tmp_path / "runs" / "copy"
    folder.mkdir(parents=True)
    for name in ("record.json", "config.gin"):
        (folder / name).write_bytes((runs.folder("speech") / name).read_bytes())
    (folder / "model.pt").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"model.pt: damaged, or not the weights of the model"):
        sample.main([str(folder), *runs.options])
    (folder / "model.pt").write_bytes((runs.folder("speech_lstm") / "model.pt").read_bytes())
    with pytest.raises(UserError, match=r"model.pt: damaged, or not the weights of the model"):
        sample.main([str(folder), *runs.options])


def test_a_run_is_found_by_its_id_or_its_folder(runs):
    folder = runs.folder("music")
    assert find_run(runs("music"), str(runs.out)) == find_run(str(folder), "elsewhere") == folder
