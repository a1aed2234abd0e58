"""The page of all results in headless Chromium, opened from a file."""

import os
import shutil

import pytest
from results_folder import HOSTILE, write_results

from benchmark.report import main

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install -e '.[browser]'")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
DESKTOP, PHONE = (1280, 900), (360, 740)

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and its chromedriver")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    write_results(out)
    main(["--out", str(out)])
    return (out / "report.html").as_uri()


@pytest.fixture(scope="module")
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # which Chromium refuses to root
    audio = ["--mute-audio", "--autoplay-policy=no-user-gesture-required"]
    for argument in ("--headless=new", "--disable-dev-shm-usage", *audio, *sandbox):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(DRIVER))
    driver.set_script_timeout(10)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium, address):
    """The page at the width of a desktop; afterwards nothing has been complained about and nothing loaded."""
    resize(chromium, *DESKTOP)
    chromium.get("about:blank")
    chromium.get(address)
    yield chromium
    assert chromium.get_log("browser") == []
    loaded = chromium.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []


def resize(browser, width, height, scheme="light"):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)


def find(browser, selector):
    return browser.find_element("css selector", selector)


def find_all(browser, selector):
    return browser.find_elements("css selector", selector)


def wait(browser, condition):
    WebDriverWait(browser, 10).until(condition)


def shown_rows(browser):
    """The rows of all tables that can be seen, as they read, with the model's class and whether they are reported."""
    script = """return [...document.querySelectorAll("#results tbody tr")].filter(row => row.offsetParent !== null)
        .map(row => [row.innerText.toLowerCase(), row.dataset.model, row.classList.contains("reported")])"""
    return browser.execute_script(script)


def test_a_table_sorts_by_number_with_missing_values_last(browser):
    table = find(browser, "section[aria-labelledby='timit_sample'] table.scores")
    head = next(th for th in table.find_elements("css selector", "thead th") if "exact" in th.text)
    index = browser.execute_script("return arguments[0].cellIndex", head)
    script = "return [...arguments[0].tBodies[0].rows].map(row => row.cells[arguments[1]].dataset.value ?? null)"

    def values():
        return [None if value is None else float(value) for value in browser.execute_script(script, table, index)]

    before = values()
    known = [value for value in before if value is not None]
    assert {-1900.0, 26643.0} < set(known)
    assert sorted(known) != sorted(known, key=str), "as text they are in another order"
    missing = [None] * (len(before) - len(known))
    button = head.find_element("css selector", "button")
    for state, order in (
        ("ascending", sorted(known) + missing),
        ("descending", sorted(known, reverse=True) + missing),
        ("none", before),
    ):
        button.click()
        assert head.get_attribute("aria-sort") == state
        assert values() == order
    button.send_keys(Keys.ENTER)
    assert values() == sorted(known) + missing
    first = table.find_element("css selector", "thead th button")
    for state, order in (("ascending", 1), ("descending", -1)):
        first.send_keys(Keys.SPACE)
        sorts = [th.get_attribute("aria-sort") for th in table.find_elements("css selector", "[aria-sort]")]
        assert sorts == [state, *["none"] * (len(sorts) - 1)]
        labels = [th.text.split("\n")[0] for th in table.find_elements("css selector", "tbody th")]
        chosen = [label for label in labels if label in ("RNN-Gauss", "Z-Forcing", HOSTILE)]
        assert chosen == [HOSTILE, "RNN-Gauss", "Z-Forcing"][::order]


def test_one_filter_for_all_tables(browser):
    everything = shown_rows(browser)
    text = find(browser, "[name='text']")
    data, model = (Select(find(browser, f"[name='{name}']")) for name in ("data", "model"))
    text.send_keys("gauss chung")
    left = shown_rows(browser)
    assert 0 < len(left) < len(everything)
    assert all("gauss" in row and "chung" in row for row, _, _ in left)
    text.clear()
    data.select_by_visible_text("ptb, full")
    assert not find(browser, "section[aria-labelledby='timit_sample']").is_displayed()
    assert find(browser, "section[aria-labelledby='ptb_full']").is_displayed()
    data.select_by_visible_text("all")
    model.select_by_visible_text("LSTM")
    left = shown_rows(browser)
    assert 0 < len(left) < len(everything)
    assert all("LSTM" in classes.split() for _, classes, _ in left)
    model.select_by_visible_text("all")
    assert shown_rows(browser) == everything
    find(browser, "[name='reported']").click()
    assert shown_rows(browser) == [row for row in everything if not row[2]]
    assert " of " in find(browser, ".filter output").text


def test_a_table_without_rows_is_hidden_with_its_heading(browser):
    find(browser, "[name='reported']").click()
    model = Select(find(browser, "[name='model']"))
    ptb, reported, runs = (
        find(browser, f"section[aria-labelledby='{name}']") for name in ("ptb_full", "reported", "runs")
    )
    table = find(browser, "section[aria-labelledby='timit_sample'] table.scores")
    assert ptb.is_displayed()
    assert not reported.is_displayed()
    model.select_by_visible_text("LSTM")
    assert table.is_displayed()
    assert runs.is_displayed()
    assert not ptb.is_displayed()
    find(browser, "[name='text']").send_keys("no such row")
    assert not [element for element in find_all(browser, "main h3, main table") if element.is_displayed()]
    find(browser, "[name='text']").clear()
    model.select_by_visible_text("all")
    find(browser, "[name='reported']").click()
    assert all(section.is_displayed() for section in (ptb, reported, runs, table))


def test_a_figure_can_be_read_on_a_phone(browser):
    """It is wider than the window, and scrolls by itself, by keys too."""
    resize(browser, *PHONE)
    picture = find(browser, "img")
    region = picture.find_element("xpath", "..")
    assert picture.size["width"] >= 700
    assert region.size["width"] <= PHONE[0]
    browser.execute_script("arguments[0].focus()", region)
    region.send_keys(Keys.ARROW_RIGHT)
    wait(browser, lambda _: region.get_property("scrollLeft") > 0)
    resize(browser, *DESKTOP)
    assert region.get_property("scrollWidth") <= region.size["width"]


def test_a_number_leads_to_its_run_and_back(browser):
    link = find(browser, "table.scores a[href^='#run-']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    top = browser.execute_script("return scrollY")
    identifier = link.get_attribute("href").partition("#")[2]
    link.click()
    [run] = [article for article in find_all(browser, "article.run") if article.is_displayed()]
    assert run.get_attribute("id") == identifier
    assert not find(browser, "#results").is_displayed()
    assert "seed" in browser.title
    assert browser.switch_to.active_element == run
    assert browser.execute_script("return scrollY") == 0
    assert all(svg.size["height"] > 80 for svg in run.find_elements("css selector", "svg"))
    browser.back()
    wait(browser, lambda _: find(browser, "#results").is_displayed())
    wait(browser, lambda _: abs(browser.execute_script("return scrollY") - top) < 2)
    assert not [article for article in find_all(browser, "article.run") if article.is_displayed()]
    assert browser.switch_to.active_element == link


def test_a_run_leads_to_its_data_set(browser):
    find(browser, "#runs ~ .scroll a").click()
    find(browser, "article.run:target .back").click()
    assert find(browser, "#results").is_displayed()
    assert browser.current_url.endswith("#ptb_full")


def test_sounds_can_be_played(browser):
    sounds = find_all(browser, "audio")
    assert len(sounds) == 4
    for sound in sounds:
        wait(browser, lambda _, sound=sound: sound.get_property("readyState") > 0)
        assert 0.9 < sound.get_property("duration") <= 5
    browser.execute_script("arguments[0].play()", sounds[0])
    wait(browser, lambda _: sounds[0].get_property("currentTime") > 0)


def test_pictures_are_whole(browser):
    for picture in find_all(browser, "img"):
        assert picture.get_property("naturalWidth") > 0


def test_what_records_say_is_not_run(browser):
    assert any(HOSTILE in head.text for head in find_all(browser, "table.scores tbody th"))
    assert len(find_all(browser, "script")) == 1


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_wide_as_the_window(browser, size, scheme):
    resize(browser, *size, scheme)
    for fragment in ("", find(browser, "article.run").get_attribute("id")):
        browser.execute_script("location.hash = arguments[0]", fragment)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in paper.strip("rgb()").split(",")) / 3
    assert (brightness > 200) == (scheme == "light")
