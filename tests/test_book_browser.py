"""The whole book in a real Chromium, from its folder, without a network: at two widths, in both themes."""

import itertools
import re

import nbformat
import pytest
from chromium import REQUIRED, launched

from classroom import book, notebooks

if not (REQUIRED or book.VENV.exists()):
    pytest.skip("no .venv-book here (`python3 course.py book` makes it)", allow_module_level=True)

pytestmark = pytest.mark.slow
NAMES = [path.stem for path in notebooks.notebooks()]
WIDTHS = {"desk": 1280, "telephone": 390}
MOST_HTML, MOST_IN_ALL = 1_500_000, 4_000_000  # bytes of a page: by itself, and with all that it loads
PROSE = "all => all.map(one => one.innerText).join('\\n')"
TOO_WIDE = """() => {
    const window_ = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= window_) return [];
    const all = Array.from(document.querySelectorAll('article *'));
    return all.filter(one => one.getBoundingClientRect().right > window_ + 1).slice(0, 3).map(one => one.outerHTML);
}"""
FLAT_FORMULAS = """() => Array.from(document.querySelectorAll('.math')).filter(one => {
    const drawn = one.querySelector('math');
    return one.checkVisibility() && !(drawn && drawn.getBoundingClientRect().height > 4);
}).map(one => one.textContent)"""
UNREADABLE = """() => {  // texts whose contrast with what is behind them is below 4.5 to 1
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => numbers(colour).slice(0, 3).map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = one => {
        for (; one; one = one.parentElement) {
            const colour = getComputedStyle(one).backgroundColor, [r, g, b, opaque = 1] = numbers(colour);
            if (opaque > 0.5) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const found = new Set();
    for (const one of document.querySelectorAll('article *, .sidebar-tree *')) {
        const own = Array.from(one.childNodes).some(node => node.nodeType === 3 && node.textContent.trim());
        if (!own || !one.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        const pair = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => b - a);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (contrast < 4.5) found.add(`${contrast.toFixed(1)} ${one.tagName}.${one.className}`);
    }
    return Array.from(found);
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a stick") / "the book"
    book.build(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture(params=WIDTHS)
def page(request, browser, site):
    """A page of one of the widths; nothing but files of the book may be asked for, and no script may fail."""
    context = browser.new_context(viewport={"width": WIDTHS[request.param], "height": 900}, offline=True)
    context.set_default_timeout(120_000)
    page, wrong = context.new_page(), []
    inside = (site.as_uri(), "data:", "blob:")
    page.on("request", lambda asked: asked.url.startswith(inside) or wrong.append(asked.url))
    page.on("requestfailed", lambda asked: "ABORTED" in (asked.failure or "") or wrong.append(asked.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


def test_every_page_shows_its_formulas_and_fits_the_window(page, site):
    found = {}
    for path in sorted(site.glob("*.html")):
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.evaluate("document.querySelectorAll('article code, article pre').forEach(one => one.textContent = '')")
        latex = re.findall(r".{20}(?:\$|\\[a-zA-Z]{2,}).{20}", page.locator("article :is(p, li)").evaluate_all(PROSE))
        troubles = [*latex, *page.evaluate(FLAT_FORMULAS), *page.evaluate(TOO_WIDE)]
        if troubles:
            found[path.name] = troubles
    assert found == {}


def test_every_page_can_be_read_in_both_themes(page, site):
    found = {}
    for theme, path in itertools.product(("light", "dark"), [site / f"{NAMES[1]}.html", site / "index.html"]):
        page.emulate_media(color_scheme=theme)
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        if unreadable := page.evaluate(UNREADABLE):
            found[theme, path.name] = unreadable
    assert found == {}


def test_a_dark_theme_turns_plots_and_leaves_drawings_their_own_dark_side(page, site):
    page.goto((site / "02_word_vectors.html").as_uri())
    plot, drawing = page.locator(".cell_output img:not(.dark-light)").first, page.locator("img.dark-light").first
    looks = "image => [getComputedStyle(image).filter, getComputedStyle(image).colorScheme]"
    page.evaluate("document.body.dataset.theme = 'light'")
    assert plot.evaluate(looks) == ["none", "light"]
    page.evaluate("document.body.dataset.theme = 'dark'")
    assert plot.evaluate(looks)[0].startswith("invert")
    assert drawing.evaluate(looks) == ["none", "dark"]


def test_the_search_finds_a_word_and_leads_to_it(page, site):
    page.goto((site / "index.html").as_uri())
    if WIDTHS["telephone"] == page.viewport_size["width"]:
        page.locator("label[for='__navigation'].nav-overlay-icon").first.click()
    search = page.locator("input[name='q']").first
    search.fill("perplexity")
    search.press("Enter")
    page.locator("#search-results a", has_text="N-grams").first.click()
    page.wait_for_url("**/10_ngrams.html*")


def test_previous_and_next_lead_from_page_to_page(page, site):
    page.goto((site / "index.html").as_uri())
    for forth, name in (("next", NAMES[0]), ("next", NAMES[1]), ("prev", NAMES[0]), ("prev", "index")):
        page.locator(f".related-pages a.{forth}-page").click()
        page.wait_for_url(f"**/{name}.html")


def test_next_leads_through_all_notebooks_in_their_order(site):
    following = r'<a class="next-page" href="([^"]+)\.html"'
    names, found = ["index"], True
    while found:
        found = re.search(following, (site / f"{names[-1]}.html").read_text(encoding="utf-8"))
        names += [found[1]] if found else []
    assert names[1:] == NAMES


def test_solutions_and_predicted_results_unfold(page, site):
    name = "02_word_vectors"
    page.goto((site / f"{name}.html").as_uri())
    cells = notebooks.read(notebooks.find(name)).cells
    for label, count in (
        ("Show the solution", sum("solution" in cell.metadata.get("tags", []) for cell in cells)),
        ("Show what comes out", sum(cell.metadata.get("jupyter", {}).get("outputs_hidden", False) for cell in cells)),
    ):
        folds = page.locator("details.hide", has=page.locator("summary", has_text=label))
        assert folds.count() == count > 0
        inside = folds.first.locator("pre").first
        assert not inside.is_visible()
        folds.first.locator("summary").click()
        inside.wait_for()
    hint = page.locator("details", has_text="Hint 1").first
    hint.locator("summary").click()
    hint.locator("p").first.wait_for()


def test_links_between_notebooks_lead_to_pages_and_no_page_loads_from_outside(site):
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        links = re.findall(r'<a [^>]*href="([^"#?]+)', text)
        inner = [link for link in links if "://" not in link and not link.startswith("mailto:")]
        assert [link for link in inner if not (path.parent / link).exists()] == [], path.name
        assert not [link for link in inner if link.endswith(".ipynb")], path.name
        loaded = re.findall(r'<(?:script|link|img|source|iframe)[^>]+(?:src|href)="(https?:[^"]*|//[^"]*)', text)
        assert loaded == [], path.name


def test_a_page_is_no_heavier_than_its_budget(site):
    sizes = {path.name: path.stat().st_size for path in site.glob("*.html")}
    assert {*sizes} == {f"{name}.html" for name in [*NAMES, "index", "search"]}
    assert max(sizes.values()) < MOST_HTML
    for name, size in sizes.items():
        used = set(re.findall(r'(?:src|href)="(_(?:static|images)/[^"?]+)', (site / name).read_text(encoding="utf-8")))
        used.add("_static/STIXTwoMath-Regular.ttf")
        assert size + sum((site / path).stat().st_size for path in used) < MOST_IN_ALL, name


def test_what_sphinx_warns_of_leaves_the_earlier_book(tmp_path, monkeypatch, capfd):
    cells = [nbformat.v4.new_markdown_cell("# One\n\n$\\nosuchcommand{x}$ and [a link](99_missing.ipynb)")]
    about = {"course": {"read_minutes": 5, "run_minutes": 1, "needs": []}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=about), tmp_path / "00_one.ipynb")
    monkeypatch.setattr(book, "notebooks", lambda: [tmp_path / "00_one.ipynb"])
    earlier = tmp_path / "book"
    earlier.mkdir()
    (earlier / book.MARK).write_text("an earlier book", encoding="utf-8")
    assert book.main(["--out", str(earlier)]) == 1
    said = capfd.readouterr().err
    assert "nosuchcommand" in said and "99_missing" in said and "there is no new book" in said
    assert [path.name for path in earlier.iterdir()] == [book.MARK]
    assert {path.name for path in tmp_path.iterdir()} == {"00_one.ipynb", "book"}
