import base64
import copy
import hashlib
import io
import json
import math
import re
import wave
from html.parser import HTMLParser

import pytest
from made_up_records import made_up_ablation, made_up_record, write_records
from results_folder import HOSTILE, write_results

from benchmark import REPOSITORY
from benchmark.command import run_command
from benchmark.records import folder_records
from benchmark.report import main
from benchmark.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, round_ticks, training_curves
from benchmark.report.media import MOST_SECONDS
from benchmark.report.page import build_page, drawings, shown
from benchmark.report.runs import in_words, repeating_command
from benchmark.statistics import t_interval
from benchmark.tables import all_tables

VOID = {"meta", "link", "input", "img", "br"}


class Page(HTMLParser):
    """A page taken apart; it fails on a tag that is not closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], {}
        self.text = text
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        assert len(dict(attributes)) == len(attributes), attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag, attribute):
        return [attributes[attribute] for name, attributes in self.tags if name == tag and attribute in attributes]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "speech <demo>"
    records = write_results(out)
    main(["--out", str(out)])
    return out, records


@pytest.fixture(scope="module")
def page(results):
    return Page((results[0] / "report.html").read_text())


def test_every_record_has_all_of_its_numbers(results, page):
    runs = dict(re.findall(r'<article class="run" id="run-(.*?)"(.*?)</article>', page.text, re.DOTALL))
    assert set(runs) == {record["run_id"] for record in results[1]}
    for record in results[1]:
        shown_values = Page(f"<article{runs[record['run_id']]}</article>").all("data", "value")
        for protocols in record["results"].values():
            for metrics in protocols.values():
                assert {str(value) for value in metrics.values()} <= set(shown_values)
        assert record["environment"]["commit"] in runs[record["run_id"]]
        assert f"<code>{record['environment']['commit'][:12]}</code>" in page.text
        assert record["dataset"]["fingerprint"] in runs[record["run_id"]]


def test_a_table_shows_mean_and_interval_over_seeds(results, page):
    records = [record for record in results[1] if record["label"] == "Z-Forcing"]
    values = [record["results"]["test"]["utterance"]["elbo_nats_per_seq"] for record in records]
    mean, half_width = t_interval(values)
    assert f"{mean:.1f} ± {half_width:.1f}" in [text.strip() for text in page.texts["td"]]
    assert str(mean) in page.all("td", "data-value")


def test_the_tables_are_those_of_the_tables_command(results, page):
    """Every number of the Markdown tables stands in the page."""
    shown_texts = {text.strip() for tag in ("td", "strong") for text in page.texts[tag]}
    for name, text in all_tables(results[1]).items():
        if name.endswith(".md") and name != "overview.md":
            numbers = re.findall(r"(?<=\| )[+-]?\d[\d.]*(?: ± [\d.]+)?(?= *\|)", text)
            assert len(numbers) > 10
            assert set(numbers) <= shown_texts | {str(index) for index in range(20)}


def test_reported_numbers_say_how_they_were_verified(page):
    assert "-1900" in page.texts["td"]
    assert any("not re-checked against the paper" in text for text in page.texts["td"])
    assert any("NOT COMPARABLE" in text for text in page.texts["p"])


def test_every_link_leads_somewhere_on_the_page(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = page.all("a", "href")
    assert {link for link in links if not link.startswith("#")} == set()
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_what_records_say_is_text(page):
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.text.count("<script>") == 1
    assert any(HOSTILE in text for text in page.texts["th"])
    assert "<b>bold</b>" not in page.text
    assert "b" not in page.texts


def test_nothing_is_loaded(page):
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    style, script = ("".join(page.texts[tag]) for tag in ("style", "script"))
    assert "url(" not in style
    assert "@import" not in style
    policy = page.all("meta", "content")[0]
    assert policy.startswith("default-src 'none';")
    for text in (style, script):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert not [tag for tag, attributes in page.tags if "style" in attributes or "onclick" in attributes]


def test_the_same_files_give_the_same_bytes(results):
    path = results[0] / "report.html"
    before = path.read_bytes()
    main(["--out", str(results[0])])
    assert path.read_bytes() == before


def test_samples_are_there_once_for_each_row(page):
    sounds = [base64.b64decode(source.partition(",")[2]) for source in page.all("audio", "src")]
    seconds = []
    for sound in sounds:
        with wave.open(io.BytesIO(sound)) as recording:
            seconds.append(recording.getnframes() / recording.getframerate())
    assert sorted(seconds) == [1.0, 2.0, 2.0, MOST_SECONDS]
    assert any("Only the beginning" in text for text in page.texts["p"])
    assert any("the <unk> rose" in text for text in page.texts["pre"])
    assert page.all("img", "alt").count("training, timit, sample") == 1
    assert len(page.all("img", "src")) == 5


def test_a_run_that_diverged_is_shown(tmp_path):
    record = made_up_record(points=3)
    for metrics in (*record["training"]["validation"][1:], record["results"]["test"]["utterance"]):
        metrics["elbo_nats_per_seq"] = math.nan
    write_records(tmp_path, [record, made_up_record(seed=2)])
    main(["--out", str(tmp_path)])
    page = Page((tmp_path / "report.html").read_text())
    assert "nan" in page.all("data", "value")
    assert {"not finite"} <= {text.strip() for text in page.texts["td"]}
    assert not [text for tag in ("td", "data", "strong") for text in page.texts[tag] if "nan" in text]


def test_a_figure_is_a_drawing_unless_pixels_take_less(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.report.page.LARGE_DRAWING", 10)
    sizes = {"a_samples.png": 30, "b_training.png": 5, "b_training.svg": 9, "c_effects.png": 20, "c_effects.svg": 25}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"." * size)
    assert [path.name for path in drawings(tmp_path)] == ["b_training.svg", "c_effects.png", "a_samples.png"]


@pytest.mark.parametrize("folder", ["results/long", "results/short_budget"])
def test_committed_records_are_all_shown(folder):
    records = folder_records(REPOSITORY / folder)
    text = build_page(REPOSITORY / folder, records)
    Page(text)
    assert all(f'id="run-{record["run_id"]}"' in text for record in records)


def test_a_folder_without_records_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run_command(lambda: main(["--out", str(tmp_path)]))
    assert end.value.code == 2
    assert re.fullmatch(r"error: .*records holds no record; .*\n", capsys.readouterr().err)
    assert not (tmp_path / "report.html").exists()


def test_numbers_of_other_commands_are_shown(tmp_path):
    record = made_up_record()
    write_records(tmp_path, [record])
    (tmp_path / "bounds").mkdir()
    (tmp_path / f"bounds/{record['run_id']}_iwae100_test.json").write_text(
        json.dumps(
            {
                **{"run_id": record["run_id"], "bound": "iwae", "samples": 100, "values": {"nats_per_seq": -4000.125}},
                **{"protocol": "utterance", "sequences": 20, "commit": "b" * 40},
            }
        )
    )
    main(["--out", str(tmp_path)])
    (tmp_path / "probes").mkdir()
    probe = {"run_id": record["run_id"], "commit": "c" * 40, "label": "Z-Forcing"}
    probe |= {"what": {"latents": {"accuracy": 0.62525, "accuracy_valid": 0.5}}, "majority": 0.25}
    (tmp_path / f"probes/{record['run_id']}.json").write_text(json.dumps(probe))
    main(["--out", str(tmp_path)])
    page = Page((tmp_path / "report.html").read_text())
    for value in ("-4000.125", "0.62525", "0.25"):
        assert page.all("data", "value").count(value) == 1
    assert {"latents, accuracy", "latents, accuracy valid", "majority", "nats per seq"} <= set(page.texts["dt"])
    assert not [name for name in page.texts["code"] if "accuracy" in name or "iwae" in name]


def test_what_the_auxiliary_cost_changes_has_a_table(tmp_path):
    records = made_up_ablation(seeds=(1, 2), models=("SRNN",))
    write_records(tmp_path, records)
    main(["--out", str(tmp_path)])
    text = (tmp_path / "report.html").read_text()
    (table,) = re.findall(r'<table class="sortable scores" data-kind="effects">.*?</table>', text, re.DOTALL)
    lines = re.findall(r"<tr data-data.*?</tr>", table, re.DOTALL)
    assert len(lines) == 4
    assert all(line.count('href="#run-') == 2 for line in lines)
    assert "SRNN + aux, auxiliary weight 0, KL weight 1" in lines[0]
    write_records(tmp_path / "one", [made_up_record()])
    main(["--out", str(tmp_path / "one")])
    assert 'data-kind="effects"' not in (tmp_path / "one/report.html").read_text()


def test_curves_start_with_the_first_update():
    record = copy.deepcopy(made_up_record(points=4))
    bound, *_ = training_curves(record)
    xs = [float(point.split(",")[0]) for point in bound.points.split()]
    assert xs == pytest.approx([LEFT + (WIDTH - LEFT - RIGHT) * share for share in (0.25, 0.5, 0.75, 1)], abs=0.1)
    ys = [float(point.split(",")[1]) for point in bound.points.split()]
    assert ys == sorted(ys, reverse=True), "more is higher"
    assert all(0 < y < HEIGHT for y in ys)
    assert "-50000 before training" in bound.summary
    assert bound.best is not None
    record["training"]["validation"][-1]["elbo_nats_per_seq"] = float("nan")
    assert len(training_curves(record)[0].points.split()) == 3


@pytest.mark.parametrize(("value", "ticks"), [(0.0, ["0.0", "0.5", "1.0"]), (10.0, ["9.5", "10.0", "10.5"])])
def test_a_collapsed_model_has_an_axis(value, ticks):
    record = copy.deepcopy(made_up_record(points=4))
    for point in record["training"]["validation"]:
        point |= {"kl_nats_per_seq": value, "active_units": value}
    _, *flat = training_curves(record)
    assert [curve.title for curve in flat] == ["KL", "active units"]
    for curve in flat:
        assert [tick.text for tick in curve.y_ticks] == ticks
        assert len({point.split(",")[1] for point in curve.points.split()}) == 1


def test_what_is_not_negative_has_no_axis_below_zero():
    record = copy.deepcopy(made_up_record(points=4))
    for number, point in enumerate(record["training"]["validation"]):
        point |= {"kl_nats_per_seq": float(number - 1), "elbo_nats_per_seq": number - 2.0}
    bound, kl, _ = training_curves(record)
    assert kl.y_ticks[0] == (HEIGHT - BOTTOM, "0")
    assert bound.y_ticks[0].text == "-1"


def test_ticks_are_round():
    assert round_ticks(0, 1920, 4) == [(0, "0"), (500, "500"), (1000, "1,000"), (1500, "1,500")]
    assert [text for _, text in round_ticks(-0.11, 0.12, 4)] == ["-0.1", "0.0", "0.1"]
    assert round_ticks(0, 1, 4)[-1] == (1.0, "1.0")


def test_small_things():
    assert [shown(value) for value in (1234.56789, 0.00123456, 3, None, "elbo", math.inf)] == [
        "1234.568",
        "0.00123",
        "3",
        "",
        "elbo",
        "not finite",
    ]
    assert in_words({"values": {"a_b": 1, "d": {"e": 3}}, "c": 2}) == {"a b": 1, "d, e": 3, "c": 2}
    record = {"gin_files": ["gin/timit_zf.gin"], "overrides": ["label = 'x y'"]}
    assert repeating_command(record).endswith("""--gin gin/timit_zf.gin --set 'label = '"'"'x y'"'"''""")
