// Accessibility fixes for Swagger UI: heading levels, and a named region for its header.

import { requireElement } from "./dom.js";

const place = requireElement("#swagger-ui");

function fitHeight() {
  for (const heading of place.querySelectorAll(":is(h3.opblock-tag, .models h4):not([aria-level])"))
    heading.setAttribute("aria-level", "2");
  const about = place.querySelector(".information-container:not([role])");
  about?.setAttribute("role", "region");
  about?.setAttribute("aria-label", "About the API");
}

new MutationObserver(fitHeight).observe(place, { childList: true, subtree: true });
fitHeight();
