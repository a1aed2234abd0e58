import gin
import pytest

from benchmark.config import configuring, load_config, resolved_text
from benchmark.errors import UserError
from benchmark.run import main, parse_arguments
from benchmark.session import build_run
from benchmark.stop import StopSignals

BASE = "gin/timit_zf.gin"


def dry_run(*settings, files=(BASE, "gin/scale/demo.gin")):
    arguments = [a for file in files for a in ("--gin", str(file))]
    main([*arguments, *(a for s in settings for a in ("--set", s)), "--dry-run"])


MISTAKES = {
    "misspelt macro": ("latent_sise=3", "without effect: latent_sise"),
    "misspelt parameter": ("ZForcing.latent=3", "doesn't have a parameter named 'latent'"),
    "misspelt class": ("ZForcng.latent_size=3", "No configurable matching 'ZForcng'"),
    "misspelt scope": ("anealing/Linear.end=0.5", "without effect: anealing/Linear.end"),
    "misspelt reference": ("experiment.model=@ZForcng", "No configurable matching reference '@ZForcng'"),
    "undefined macro": ("Timit.frame_size=%frames", "frames"),
    "a class that is not built": ("GaussianMixtureHead.components=3", "without effect: GaussianMixtureHead.components"),
    "given by the caller": ("ZForcing.head=@GaussianHead", "'head'"),
    "unquoted string": ("experiment.name=mine", "strings need quotes"),
    "no value": ("experiment.name", "expected NAME.parameter=VALUE"),
    "quoted number": ("latent_size='3'", "latent_size must be a whole number of at least 1, got '3'"),
    "real for whole": ("epochs=1e3", "epochs must be a whole number"),
    "number for schedule": ("Objective.kl_weight=1.0", "must be a schedule"),
    "string for class": ("experiment.model='ZForcing'", "'str' object is not callable"),
    "nothing for part": ("experiment.training=None", "experiment.training must be @Training"),
    "string for seed": ("experiment.seed='1'", "experiment.seed must be a whole number"),
    "a name with a slash": ("experiment.name='../x'", "experiment.name must be made of letters"),
    "head of other data": ("experiment.head=@BernoulliHead", "BernoulliHead is for binary data, timit is real"),
    "a source that does not exist": ("Timit.source='half'", "source must be one of"),
    "unscoped value that scopes override": ("Linear.step=0.5", "without effect: Linear.step"),
    "beginning of a scope": ("ann/Linear.step=0.5", "without effect: ann/Linear.step"),
    "quoted flag": ("ZForcing.cond_ln='False'", "cond_ln must be True or False"),
    "quoted flag of the data": ("Timit.disjoint_speakers='False'", "disjoint_speakers must be True or False"),
    "unclosed bracket": ("hidden_size=[3", "--set 'hidden_size=[3'"),
    "include": ("include 'gin/scale/small.gin' # =", "only bindings can be set"),
    "import": ("import os # =", "only bindings can be set"),
    "direction of the decay": ("ReduceLROnPlateau.mode='min'", "'mode'"),
    "no components": (
        "experiment.head=@bad/GaussianMixtureHead\nbad/GaussianMixtureHead.components=0",
        "components must",
    ),
    "part of a step": ("Training.skip_limit=0.5", "skip_limit must be a whole number"),
    "no label": ("experiment.label=None", "experiment.label must be a string"),
    "negative size": ("hidden_size=-1", "hidden_size must be a whole number of at least 1"),
    "learning rate": ("torch.optim.Adam.lr='fast'", "cannot be built"),
}


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_named(mistake):
    setting, message = MISTAKES[mistake]
    with pytest.raises(UserError) as caught:
        dry_run(setting)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_values_for_one_binding():
    with pytest.raises(UserError, match="latent_size bound twice"):
        load_config([BASE], ["latent_size=3", "latent_size=4"])
    with pytest.raises(UserError, match=r"experiment.seed bound twice"):
        main(["--gin", BASE, "--set", "experiment.seed=1", "--seed", "2"])


ONE_BINDING_TWICE = [
    ("Adam.lr=0.1", "torch.optim.Adam.lr=0.2"),
    ("ZForcing.hidden_size=7", "zforcing.z_forcing.ZForcing.hidden_size=8"),
    ("hidden_size=3", "hidden_size/macro.value=4"),
]


@pytest.mark.parametrize("settings", ONE_BINDING_TWICE)
def test_two_spellings_of_one_binding(settings):
    with pytest.raises(UserError, match="which are the same, bound twice"):
        load_config([BASE], settings)


UNDONE = {
    "the scale before the experiment": (["gin/scale/demo.gin", BASE], "is overridden by .*sizes.gin"),
    "two experiments": ([BASE, "gin/timit_zf_plain.gin"], "is read twice"),
    "one experiment twice": ([BASE, BASE], "is read twice"),
}


@pytest.mark.parametrize("order", UNDONE)
def test_files_that_undo_each_other(order):
    files, message = UNDONE[order]
    with pytest.raises(UserError, match=message):
        load_config(files)


def test_an_include_that_undoes_another(tmp_path):
    (tmp_path / "mine.gin").write_text(f"include 'gin/scale/demo.gin'\ninclude '{BASE}'\n")
    with pytest.raises(UserError, match=r"demo.gin: its .* is overridden by .*sizes.gin"):
        load_config([str(tmp_path / "mine.gin")])
    (tmp_path / "mine.gin").write_text(f"include '{BASE}'\ninclude 'gin/scale/demo.gin'\n")
    with pytest.raises(UserError, match=r"sizes.gin: its .* is overridden by .*demo.gin"):
        load_config([str(tmp_path / "mine.gin")])


def test_a_file_that_includes_itself(tmp_path):
    (tmp_path / "mine.gin").write_text(f"include '{tmp_path / 'mine.gin'}'\n")
    with pytest.raises(UserError, match="is read twice"):
        load_config([str(tmp_path / "mine.gin")])


def test_a_saved_configuration_leaves_out_what_the_model_lacks():
    run = build_run(parse_arguments(["--gin", "gin/timit_lstm.gin", "--gin", "gin/scale/demo.gin"]), StopSignals())
    assert "hidden_size = 128" in run.config_text
    assert "latent_size" not in run.config_text


FILES = {
    "bound twice": ("experiment.seed = 1\nexperiment.seed = 2\n", "experiment.seed bound twice"),
    "include last": (f"experiment.seed = 1\ninclude '{BASE}'\n", "put it first"),
    "missing include": ("include 'gin/absent.gin'\n", "gin/absent.gin: there is no such gin file"),
    "missing module": ("import no_such_module\n", "No module named 'no_such_module'"),
    "not gin": ("root:x:0:0:root\n", "Expected newline"),
    "cut short": ("experiment.seed =", "Unable to parse value"),
    "macro that nothing reads": (f"include '{BASE}'\naux_weigth = 0.1\n", "without effect: aux_weigth"),
    "size that the model lacks": ("include 'gin/timit_lstm.gin'\nlatent_size = 3\n", "without effect: latent_size"),
    "nothing required": ("import benchmark.experiment\n", "Required bindings"),
}


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("fault", FILES)
def test_every_faulty_file_is_named(fault, tmp_path):
    text, message = FILES[fault]
    (tmp_path / "mine.gin").write_text(text)
    with pytest.raises(UserError) as caught:
        dry_run(files=[tmp_path / "mine.gin"])
    assert message in str(caught.value)


def test_files_that_are_missing_or_no_text(tmp_path):
    with pytest.raises(UserError, match="there is no such gin file"):
        load_config(["gin/absent.gin"])
    (tmp_path / "binary.gin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as text"):
        load_config([str(tmp_path / "binary.gin")])


@pytest.mark.usefixtures("no_data")
def test_a_scale_file_serves_a_model_that_lacks_some_sizes(capsys):
    dry_run(files=("gin/timit_lstm.gin", "gin/scale/demo.gin"))
    assert "LSTM with GaussianHead(200)" in capsys.readouterr().out


@pytest.mark.usefixtures("no_data")
def test_a_size_set_by_hand_has_to_matter():
    with pytest.raises(UserError, match="without effect: latent_size"):
        dry_run("latent_size=3", files=("gin/timit_lstm.gin", "gin/scale/demo.gin"))


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("model", ["timit_zf", "timit_lstm"])
def test_cuda_graphs_need_a_gpu(model):
    with pytest.raises(UserError, match="'graph' is for CUDA devices, this is cpu; set it to 'auto'"):
        main(f"--gin gin/{model}.gin --set experiment.engine='graph' --gin gin/scale/demo.gin --device cpu".split())


def test_later_files_and_overrides_win(tmp_path):
    (tmp_path / "mine.gin").write_text("latent_size = 7\n")
    load_config([BASE, "gin/scale/demo.gin", str(tmp_path / "mine.gin")], ["mlp_size = 9"])
    values = [gin.query_parameter(f"{name}/macro.value") for name in ("latent_size", "mlp_size", "hidden_size")]
    assert values == [7, 9, 128]


def test_files_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "ZForcing" in gin.config_str() if load_config([BASE]) else ""


def test_errors_of_the_code_itself_are_not_hidden():
    with pytest.raises(ZeroDivisionError), configuring():
        1 / 0  # noqa: B018
    with pytest.raises(ValueError, match="unrelated"), configuring():
        raise ValueError("unrelated")


def test_an_empty_configuration_has_nothing_unused(tmp_path):
    (tmp_path / "empty.gin").write_text("")
    assert resolved_text(load_config([str(tmp_path / "empty.gin")])).strip() == ""
