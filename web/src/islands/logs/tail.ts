// New lines as they arrive. A browser allows six connections a host, so a hidden page has none.
import type { Row } from "./model";

export interface TailEvents {
  onRows: (rows: Row[], gap: boolean) => void;
  onState: (state: "open" | "lost", why?: string) => void;
}

/** A live stream; it reconnects by itself and goes on where it was. */
export class Tail {
  private source: EventSource | undefined;
  private readonly onVisible = () => (document.hidden ? this.close() : this.open());

  constructor(
    private readonly address: string,
    private readonly events: TailEvents,
  ) {
    document.addEventListener("visibilitychange", this.onVisible);
    if (!document.hidden) this.open();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.onVisible);
    this.close();
  }

  private open(): void {
    if (this.source) return;
    const source = new EventSource(this.address);
    this.source = source;
    source.addEventListener("open", () => this.events.onState("open"));
    source.addEventListener("error", () => this.events.onState("lost", "The stream broke off; it is being taken up again."));
    source.addEventListener("log", (event) => {
      const { rows, gap } = JSON.parse((event as MessageEvent<string>).data) as { rows: Row[]; gap: boolean };
      this.events.onRows(rows, gap);
    });
    source.addEventListener("failure", (event) => {
      const { error } = JSON.parse((event as MessageEvent<string>).data) as { error: string };
      this.events.onState("lost", error);
    });
  }

  private close(): void {
    this.source?.close();
    this.source = undefined;
  }
}
