// The page that a visitor sees after the end of a link.

import { showDrafts } from "../base/draft-list.js";
import { requireElement } from "../base/dom.js";

showDrafts(requireElement("[data-visitor]").dataset.visitor ?? "");
