"use strict";
// A click on the head of a column sorts by it, the next one the other way round; what is missing comes last.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  if (rows.length === 1) continue;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const numbers = head.classList.contains("n");
    const value = row => {
      const cell = row.cells[column];
      if (cell.dataset.key !== undefined) return Number(cell.dataset.key);
      return numbers ? NaN : cell.textContent;
    };
    const none = x => x === "" || x === "\u2013" || Number.isNaN(x);
    const compare = (a, b) => typeof a === "number" && typeof b === "number"
      ? a - b || 0
      : String(a).localeCompare(String(b), undefined, { numeric: true });
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sorted = rows.map(row => [value(row), row]);
      sorted.sort(([a], [b]) => none(a) || none(b) ? none(a) - none(b) : compare(a, b) * (down ? -1 : 1));
      body.append(...sorted.map(([, row]) => row));
    };
    head.classList.add("sorts");
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort();
    });
  });
}
// A click on a picture shows it at its own size, in a box that scrolls.
for (const picture of document.querySelectorAll("img")) {
  picture.classList.add("grows");
  picture.addEventListener("click", () => picture.classList.toggle("whole"));
}
