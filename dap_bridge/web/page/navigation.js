// Moving the view by buttons and keys.
// Changes `view`.

import { byId, clicks } from "./dom.js";

const ZOOM = 1.5;
/** How far an arrow moves the view, in shares of it; with Shift. */
const STEP = 0.1;
const FAR = 0.5;

export function showNavigation({ view }) {
  const zoomIn = () => view.zoomTime(ZOOM);
  const zoomOut = () => view.zoomTime(1 / ZOOM);
  const fit = () => view.fit();

  function arrow([right, down], far) {
    const share = far ? FAR : STEP;
    view.pan(right * share * view.width, down * share * view.height);
  }

  /** The wheel over an axis zooms that axis. */
  function listenToAxes() {
    const factor = (event) => Math.exp(-event.deltaY / 300);
    byId("times").addEventListener("wheel", (event) => {
      event.preventDefault();
      view.zoomTime(factor(event), event.clientX - byId("times").getBoundingClientRect().left);
    });
    byId("overview").addEventListener("wheel", (event) => {
      event.preventDefault();
      view.zoomTime(factor(event));
    });
    byId("frequencies").addEventListener("wheel", (event) => {
      event.preventDefault();
      view.zoomFrequency(factor(event), event.clientY - byId("frequencies").getBoundingClientRect().top);
    });
    byId("frequencies").addEventListener("dblclick", () => view.allFrequencies());
  }

  listenToAxes();
  clicks({ "zoom-in": zoomIn, "zoom-out": zoomOut, fit });
  return { zoomIn, zoomOut, fit, arrow };
}
