/* Asking a person for the service's key. */

import { byId } from "./elements.js";

/* The key, or `null` where the person gives none. */
export function askForKey(refused) {
  const dialog = byId("key-dialog"), field = byId("key");
  byId("key-fault").hidden = !refused;
  field.value = "";
  return new Promise((resolve) => {
    let given = null;
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      given = field.value.trim();
      dialog.close();
    };
    dialog.querySelector("[value=close]").onclick = () => dialog.close();
    dialog.onclose = () => resolve(given || null);
    dialog.showModal();
    field.focus();
  });
}
