// Small things every script of a page needs.

/** Says that a script runs, so that what needs one is shown. */
export function announceScript(): void {
  document.documentElement.dataset["script"] = "yes";
}

/** Reads a JSON block that the server wrote into the page. */
export function block<T>(id: string): T | undefined {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : undefined;
}

/** The file with the symbols. */
export function icons(): string {
  return document.documentElement.dataset["icons"] ?? "";
}

let toastEnd = 0;

/** Says something short, also to screen readers. */
export function toast(text: string): void {
  let box = document.querySelector<HTMLElement>(".toast");
  if (!box) {
    box = document.createElement("div");
    box.className = "toast";
    box.setAttribute("role", "status");
    document.body.append(box);
  }
  box.hidden = false;
  box.textContent = text;
  clearTimeout(toastEnd);
  toastEnd = window.setTimeout(() => box.remove(), 2_500);
}

/** Copies text and says so. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser does not allow copying here");
  }
}

/** Whether a key press belongs to a field. */
export function inField(event: Event): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName);
}

/** Calls back at most once a frame. */
export function eachFrame(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}
