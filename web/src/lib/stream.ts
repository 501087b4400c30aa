// One stream of server-sent events for all pages of a browser: it allows six connections a host, and a
// stream takes one for good. One page holds the stream for all (Web Locks decide which) and passes on what
// comes (BroadcastChannel); when it closes, the next one goes on where each page was. Without these two,
// every page that is seen has a stream of its own.

/** Where the stream is. */
const ADDRESS = "/api/x/logs/tail";
const NAME = "belvedere-tail";
/** Milliseconds between two calls of the roll; a page that missed three is gone. */
const ROLL = 3_000;

export type StreamEvent = { kind: "log"; rows: unknown[]; gap: boolean } | { kind: "failure"; error: string } | { kind: "open" } | { kind: "lost" };

/** What a page follows: the query string of a view, and the sequence it was told last. */
interface Wish {
  sub: string;
  after: string;
}

type Message = { kind: "roll" } | { kind: "wish"; page: string; wishes: Wish[] } | { kind: "event"; sub: string; after: string; event: StreamEvent };

interface Follower {
  after: string;
  tell: Set<(event: StreamEvent) => void>;
}

/** The views that all pages follow, without those of pages that are gone. */
export class Wishes {
  private readonly pages = new Map<string, { wishes: readonly Wish[]; heard: number }>();

  /** Notes what a page wants; returns whether the views changed. */
  note(page: string, wishes: readonly Wish[], now: number): boolean {
    const before = this.key();
    if (wishes.length > 0) this.pages.set(page, { wishes, heard: now });
    else this.pages.delete(page);
    return this.key() !== before;
  }

  /** Drops pages that were not heard for three rolls; returns whether the views changed. */
  prune(now: number): boolean {
    const before = this.key();
    for (const [page, { heard }] of this.pages) if (now - heard > 3 * ROLL) this.pages.delete(page);
    return this.key() !== before;
  }

  /** Every view once. Pages that share one go on where the first of them was: told twice is sorted out, not told is lost. */
  all(): Wish[] {
    const views = new Map<string, string>();
    for (const { wishes } of this.pages.values()) {
      for (const { sub, after } of wishes) {
        const known = views.get(sub);
        if (known === undefined || Number(after || Infinity) < Number(known || Infinity)) views.set(sub, after);
      }
    }
    return [...views].map(([sub, after]) => ({ sub, after })).sort((a, b) => (a.sub < b.sub ? -1 : 1));
  }

  private key(): string {
    return this.all()
      .map(({ sub }) => sub)
      .join("\n");
  }
}

/** Where to open the stream for these views. */
export function addressOf(wishes: readonly Wish[]): string {
  const asked = new URLSearchParams(wishes.map(({ sub }) => ["sub", sub]));
  asked.set("after", wishes.map(({ after }) => after).join(","));
  return `${ADDRESS}?${asked}`;
}

class Stream {
  private readonly page = Math.random().toString(36).slice(2);
  private readonly followers = new Map<string, Follower>();
  private readonly wishes = new Wishes();
  private readonly channel = "locks" in navigator && "BroadcastChannel" in window ? new BroadcastChannel(NAME) : undefined;
  private leads = this.channel === undefined;
  private source: EventSource | undefined;

  constructor() {
    document.addEventListener("visibilitychange", () => this.wish());
    addEventListener("pagehide", () => this.say({ kind: "wish", page: this.page, wishes: [] }));
    if (!this.channel) return;
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => this.hear(data);
    // Held until this page ends; who waits longest is next.
    void navigator.locks.request(NAME, async () => {
      this.leads = true;
      setInterval(() => this.roll(), ROLL);
      this.roll();
      await new Promise(() => undefined);
    });
  }

  follow(sub: string, tell: (event: StreamEvent) => void): () => void {
    const follower = this.followers.get(sub) ?? { after: "", tell: new Set() };
    this.followers.set(sub, follower);
    follower.tell.add(tell);
    this.wish();
    return () => {
      follower.tell.delete(tell);
      if (follower.tell.size === 0) this.followers.delete(sub);
      this.wish();
    };
  }

  /** Says what this page wants now; a page that nobody sees wants nothing. */
  private wish(): void {
    const wishes = document.hidden ? [] : [...this.followers].map(([sub, { after }]) => ({ sub, after }));
    this.say({ kind: "wish", page: this.page, wishes });
  }

  private say(message: Message): void {
    this.channel?.postMessage(message);
    this.hear(message);
  }

  private hear(message: Message): void {
    if (message.kind === "roll") this.wish();
    else if (message.kind === "event") this.tell(message.sub, message.after, message.event);
    else if (this.leads && this.wishes.note(message.page, message.wishes, Date.now())) this.open();
  }

  private roll(): void {
    this.say({ kind: "roll" });
    if (this.wishes.prune(Date.now())) this.open();
  }

  private tell(sub: string, after: string, event: StreamEvent): void {
    const follower = this.followers.get(sub);
    if (!follower || document.hidden) return;
    if (after) follower.after = after;
    for (const tell of follower.tell) tell(event);
  }

  /** Opens the stream anew for what is wanted now. */
  private open(): void {
    this.source?.close();
    this.source = undefined;
    const wishes = this.wishes.all();
    if (wishes.length === 0) return;
    const source = new EventSource(addressOf(wishes));
    this.source = source;
    const toAll = (event: StreamEvent) => wishes.forEach(({ sub }) => this.say({ kind: "event", sub, after: "", event }));
    const pass = (kind: "log" | "failure") => (event: MessageEvent<string>) => {
      const data = JSON.parse(event.data) as { sub: string; rows: unknown[]; gap: boolean; error: string };
      const place = wishes.findIndex(({ sub }) => sub === data.sub);
      this.say({ kind: "event", sub: data.sub, after: event.lastEventId.split(",")[place] ?? "", event: { ...data, kind } });
    };
    source.addEventListener("error", () => {
      toAll({ kind: "lost" });
      // A refusal is not tried again by the browser itself.
      if (source.readyState === EventSource.CLOSED && source === this.source) setTimeout(() => source === this.source && this.open(), ROLL);
    });
    source.addEventListener("start", (event) => {
      const afters = event.lastEventId.split(",");
      wishes.forEach(({ sub }, place) => this.say({ kind: "event", sub, after: afters[place] ?? "", event: { kind: "open" } }));
    });
    source.addEventListener("log", pass("log"));
    source.addEventListener("failure", pass("failure"));
  }
}

let stream: Stream | undefined;

/** Follows a view of the logs (`?q=…&f=…`) until the returned function is called. */
export function follow(sub: string, tell: (event: StreamEvent) => void): () => void {
  stream ??= new Stream();
  return stream.follow(sub, tell);
}
