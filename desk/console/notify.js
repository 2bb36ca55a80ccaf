// Telling an agent that somebody waits: a desktop notification, and the count in the window's title.
// A notification says why and where from, never who or what was written: it shows on locked and shared screens.

export class Notifier {
  #open;

  /** `open(conversation)` is called when a notification is pressed. */
  constructor(open) {
    this.#open = open;
  }

  /** "granted", "denied", "default" (not asked yet) or "missing". */
  get permission() {
    return "Notification" in window ? Notification.permission : "missing";
  }

  /** Asks the browser; only ever from a press. */
  async ask() {
    return "Notification" in window ? Notification.requestPermission() : "missing";
  }

  tell(title, { body, conversation }) {
    if (this.permission !== "granted") return;
    try {
      const shown = new Notification(title, { body, tag: conversation, renotify: true });
      shown.onclick = () => {
        window.focus();
        shown.close();
        this.#open(conversation);
      };
    } catch {
      // Chrome on Android has notifications from service workers alone: the title and the queue still tell.
    }
  }
}
