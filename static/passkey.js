/* Passkeys: shows the form that needs one, asks the browser for it, and sends the form with its answer. */
(function () {
  "use strict";
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (mark) { return mark.charCodeAt(0); });
  }

  function text(buffer) {
    var plain = "";
    new Uint8Array(buffer).forEach(function (byte) { plain += String.fromCharCode(byte); });
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function asked(form) {
    var options = JSON.parse(form.dataset.options);
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    (options.allowCredentials || options.excludeCredentials).forEach(function (known) { known.id = bytes(known.id); });
    return { publicKey: options };
  }

  function answer(found) {
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (part) {
      if (found.response[part]) response[part] = text(found.response[part]);
    });
    if (found.response.getTransports) response.transports = found.response.getTransports();
    return JSON.stringify({
      id: found.id, rawId: text(found.rawId), type: found.type, response: response, clientExtensionResults: {}
    });
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var alarm = form.querySelector("[role=alert]");
    var busy = false;
    form.hidden = false;
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      if (busy) return;
      busy = true;
      alarm.textContent = "";
      navigator.credentials[form.dataset.passkey](asked(form)).then(function (found) {
        form.elements.credential.value = answer(found);
        form.submit();
      }).catch(function (error) {
        busy = false;
        alarm.textContent = error.name === "InvalidStateError" ? form.dataset.known : form.dataset.failed;
      });
    });
  });
  document.querySelectorAll("[data-without-passkeys]").forEach(function (note) { note.hidden = true; });
})();
