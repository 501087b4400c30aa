// New lines as they arrive.
import { follow } from "../../lib/stream";
import type { Row } from "./model";

export interface TailEvents {
  onRows: (rows: Row[], gap: boolean) => void;
  onState: (state: "open" | "lost", why?: string) => void;
}

/** Follows the lines of a query string; returns the end of it. */
export function tail(query: string, events: TailEvents): () => void {
  return follow(`?${query}`, (event) => {
    if (event.kind === "log") events.onRows(event.rows as Row[], event.gap);
    else if (event.kind === "failure") events.onState("lost", event.error);
    else if (event.kind === "open") events.onState("open");
    else events.onState("lost", "The stream broke off; it is being taken up again.");
  });
}
