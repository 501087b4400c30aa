// Starts the page of logs; until then, and without scripts, the server's table stands.
import { render } from "preact";
import { LogsPage } from "../islands/logs/page";

const island = document.getElementById("logs-island");
if (island) {
  const curl = island.querySelector(".snippet pre")?.textContent ?? `curl ${location.origin}/logs-demo/_doc -H 'content-type: application/json' -d '{"message":"hello"}'`;
  island.replaceChildren();
  render(<LogsPage curl={curl} />, island);
}
