/* Our one small script, joined with htmx: what htmx leaves to the page. Nothing here is needed to read or to pay. */
(function () {
  "use strict";

  // htmx 4.0.1 swallows clicks that ask for a new tab or window: keep them from it, so that the browser acts.
  document.addEventListener("click", function (event) {
    if ((event.ctrlKey || event.metaKey || event.shiftKey) && event.target.closest("a[href]")) event.stopPropagation();
  }, true);

  // An answer of 500 and above is never swapped in, and no answer at all leaves the page as it was: say so.
  function alarm(event) {
    var response = event.detail.ctx && event.detail.ctx.response;
    if (response && response.status < 500) return;
    var words = document.getElementById("alert-words");
    var region = document.getElementById("alert");
    if (words && region) region.replaceChildren(words.content.cloneNode(true));
  }
  document.addEventListener("htmx:response:error", alarm);
  document.addEventListener("htmx:error", alarm);

  // After a swap: the list of errors has the focus and the title says so, as on a whole page. (At htmx:after:swap the
  // title of the fragment is still to come.)
  document.addEventListener("htmx:finally:swap", function () {
    var summary = document.getElementById("errors");
    var prefix = document.body.dataset.errorTitle;
    var bare = document.title.indexOf(prefix) ? document.title : document.title.slice(prefix.length);
    document.title = summary ? prefix + bare : bare;
    if (summary && !summary.dataset.told) {
      summary.dataset.told = "1";
      summary.focus();
    }
  });
  document.addEventListener("htmx:before:request", function () {
    var region = document.getElementById("alert");
    if (region) region.replaceChildren();
  });
})();
