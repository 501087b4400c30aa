// Asking the server: one question at a time for each asker, with an end, and failures in words.

/** A failure as the page shows it. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** An asker whose next question ends the one before. */
export class Asker {
  private running: AbortController | undefined;

  /** Returns the JSON answer; `undefined` when a newer question replaced this one. */
  async ask<T>(address: string, init: RequestInit = {}): Promise<T | undefined> {
    this.running?.abort();
    const own = new AbortController();
    this.running = own;
    try {
      const answer = await json<T>(address, { ...init, signal: own.signal });
      return own.signal.aborted ? undefined : answer;
    } catch (error) {
      if (own.signal.aborted) return undefined;
      throw error;
    }
  }

  stop(): void {
    this.running?.abort();
  }
}

/** Fetches JSON; whatever goes wrong is a `Failure` with the server's own words. */
export async function json<T>(address: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address, { ...init, headers: { accept: "application/json", ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Failure("The server does not answer. Is it running?", 0);
  }
  const text = await response.text();
  if (!response.ok) throw new Failure(words(text) || response.statusText, response.status);
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Failure("The server's answer is not JSON.", response.status);
  }
}

/** The message of an error body: Prometheus' envelope, ours, or plain text. */
function words(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "error" in body && typeof body.error === "string") {
      return body.error;
    }
  } catch {
    // Plain text it is.
  }
  return text.trim().slice(0, 2_000);
}
