// Starts the page of metrics; until then, and without scripts, the server's table stands.
import { render } from "preact";
import { MetricsPage } from "../islands/metrics/page";

const island = document.getElementById("metrics-island");
if (island) {
  island.replaceChildren();
  render(<MetricsPage />, island);
}
