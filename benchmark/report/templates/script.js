"use strict";

// Tables that sort: a click, Enter or Space on a head sorts ascending, then descending, then as it was.

const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function cellValue(row, column, numeric) {
  const cell = row.cells[column];
  if (!numeric) return cell.textContent.trim().toLowerCase();
  return cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
}

function isMissing(value) {
  return value === "" || Number.isNaN(value);
}

function compare(a, b, direction) {
  if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b); // last in both directions
  const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  return direction === "descending" ? -order : order;
}

function sortBy(head) {
  const table = head.closest("table");
  const direction = NEXT[head.getAttribute("aria-sort")];
  for (const other of table.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", direction);
  const numeric = head.classList.contains("number");
  const rows = [...table.tBodies[0].rows];
  const key = (row) => (direction === "none" ? Number(row.dataset.order) : cellValue(row, head.cellIndex, numeric));
  rows.sort((a, b) => compare(key(a), key(b), direction));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tBodies[0].rows].forEach((row, number) => (row.dataset.order = number));
  for (const button of table.tHead.querySelectorAll("button")) {
    const head = button.closest("th");
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortBy(head));
  }
}

// One filter for everything that has a data set and a model.

const filter = document.querySelector("form.filter");
const filtered = [...document.querySelectorAll("#results [data-data]")];
const blocks = document.querySelectorAll("#results .block"); // a table with its heading and legend, or several
const texts = new Map(filtered.map((element) => [element, element.textContent.toLowerCase()]));

function matches(element, chosen) {
  const isRow = element.tagName === "TR";
  if (chosen.data && !element.dataset.data.split("|").includes(chosen.data)) return false;
  if (element.dataset.model === undefined) return true; // a whole section
  if (!chosen.reported && element.classList.contains("reported")) return false;
  if (chosen.model && !element.dataset.model.split(" ").includes(chosen.model)) return false;
  return !isRow || chosen.words.every((word) => texts.get(element).includes(word));
}

function applyFilter() {
  const { text, data, model, reported } = filter.elements;
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = { words, data: data.value, model: model.value, reported: reported.checked };
  for (const element of filtered) element.hidden = !matches(element, chosen);
  for (const block of blocks) block.hidden = !block.querySelector("tr[data-data]:not([hidden])");
  const rows = filtered.filter((element) => element.tagName === "TR");
  const left = rows.filter((row) => !row.hidden).length;
  filter.querySelector("output").textContent = left < rows.length ? `${left} of ${rows.length} rows` : "";
}

for (const event of ["input", "change"]) filter.addEventListener(event, applyFilter);
filter.addEventListener("submit", (event) => event.preventDefault());
document.documentElement.classList.add("has-script");
applyFilter(); // a browser may have kept what was chosen before the page was loaded again

// A run has the page to itself while its address is shown. Going back gives the focus back to the link that led there.

const title = document.title;
let origin = null;

function openRun() {
  const run = document.querySelector(".run:target");
  document.title = run ? `${run.querySelector("h2").textContent} – ${title}` : title;
  if (run) {
    run.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } else if (origin && origin.hash === location.hash) {
    origin.link.focus({ preventScroll: true });
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('#results a[href^="#run-"]');
  if (link) origin = { link, hash: location.hash };
});
window.addEventListener("hashchange", openRun);
openRun();
