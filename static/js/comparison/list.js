// The list of comparisons: each row's menu. A change is shown by the server's own rows.

import { need } from "../base/dom.js";
import { toast } from "../base/notice.js";
import { toggleComparisonMenu } from "./managing.js";

for (const button of document.querySelectorAll("[data-comparison-menu]")) {
  button.addEventListener("click", () => {
    const row = /** @type {HTMLElement} */ (button.closest("tr"));
    const link = need("a", row);
    toggleComparisonMenu(
      /** @type {HTMLElement} */ (button),
      {
        id: row.dataset.session ?? "",
        name: link.textContent ?? "",
        archived: "archived" in row.dataset,
        role: row.dataset.role ?? "owner",
      },
      {
        onRenamed: (name) => {
          link.textContent = name;
          button.setAttribute("aria-label", `Actions for ${name}`);
          toast("Renamed.");
        },
        onArchived: () => location.reload(),
        onDeleted: () => location.reload(),
      },
    );
  });
}
