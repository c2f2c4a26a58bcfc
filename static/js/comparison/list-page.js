// Row menus and bulk actions of the list of comparisons.

import { sessionUrl } from "../base/api.js";
import { askToDelete } from "../base/dialog.js";
import { requireElement, setText } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { errorView, explainError, showToast } from "../base/notice.js";
import { showLocalTimes } from "../base/local-times.js";
import { toggleComparisonMenu } from "./session-actions.js";

const reload = () => location.reload();
showLocalTimes();

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-comparison-menu]"))) {
  button.addEventListener("click", () => {
    const { dataset } = /** @type {HTMLElement} */ (button.closest("tr"));
    const link = requireElement("a[dir]", /** @type {HTMLElement} */ (button.closest("tr")));
    const { session: id = "", role = "owner" } = dataset;
    const comparison = { id, name: link.textContent.trim(), archived: "archived" in dataset, role };
    const onRenamed = (/** @type {string} */ name) => {
      link.textContent = name;
      button.setAttribute("aria-label", `Actions for ${name}`);
      showToast("Renamed.");
    };
    toggleComparisonMenu(button, comparison, { onRenamed, onArchived: reload, onDeleted: reload });
  });
}

const several = document.querySelector("[data-several]");
if (several) bindBulkActions(/** @type {HTMLElement} */ (several));

/** @param {HTMLElement} bar */
function bindBulkActions(bar) {
  const all = requireElement("[data-choose-all]");
  const boxes = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("[data-choose]")]);
  const chosen = () =>
    boxes.filter((box) => box.checked).map((box) => box.closest("tr")?.getAttribute("data-session") ?? "");
  const isArchived = document.querySelector("tr[data-archived]") !== null;

  const show = () => {
    const count = chosen().length;
    bar.hidden = count === 0;
    setText(requireElement("[data-several-count]"), `${formatCount(count, "comparison")} selected`);
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  };

  /** @param {(id: string) => Promise<unknown>} act */
  const each = async (act) => {
    for (const id of chosen()) await act(id);
  };

  all.disabled = boxes.length === 0;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) box.addEventListener("change", show);
  requireElement("[data-several-archive]").addEventListener("click", () =>
    each((id) => sessionUrl(id).archive(!isArchived)).then(reload, (error) => showToast(explainError(error), "bad")),
  );
  requireElement("[data-several-delete]").addEventListener("click", () =>
    askToDelete({
      heading: `Delete ${formatCount(chosen().length, "comparison")}?`,
      words: "This also deletes the comparisons' events and offsets. The videos stay in the library.",
      remove: () => each((id) => sessionUrl(id).remove()),
      onDeleted: reload,
      refused: (error) => errorView("Some comparisons could not be deleted.", error),
    }),
  );
  show(); // count the selection, which browsers restore when a page is reloaded
}
