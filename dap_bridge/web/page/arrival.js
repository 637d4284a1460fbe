// A page that has not arrived whole is loaded again: without one of its modules it would stay empty, and say nothing. Why one
// does not arrive from this very machine: persist.js. A script of its own before all others, and no module: it runs where these do not.

(() => {
  const MOST = 5;
  const PAUSE_MS = 300;
  const COUNT = "dap-bridge loaded again";
  let broken = false;

  /** What does not arrive is told to no one but its own element. */
  function lost({ target }) {
    if (target !== window && target.matches("script, link[rel=stylesheet]")) broken = true;
  }

  /** Whatever was to arrive has arrived, or failed. */
  function settled() {
    removeEventListener("error", lost, true);
    const count = Number(sessionStorage.getItem(COUNT)) + 1;
    if (broken && count <= MOST) {
      sessionStorage.setItem(COUNT, count);
      setTimeout(() => location.reload(), count * PAUSE_MS);
      return;
    }
    sessionStorage.removeItem(COUNT);
    if (!broken) return;
    const status = document.getElementById("status");
    status.classList.add("trouble");
    status.textContent = "A part of this page did not arrive. Reload it; where that does not help, start the daemon anew.";
  }

  addEventListener("error", lost, true);
  addEventListener("load", settled);
})();
