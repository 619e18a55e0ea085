/**
 * Puts plain notices into the page's alert region, each told once. It is read out at once, over whatever else is being
 * read. So it is for two things only: that the session has ended, which is a matter of security, and what went wrong with
 * what the reader has just done. What happens elsewhere never comes here: see `interrupting` in notifications/kinds.ts.
 * @param {HTMLElement | null} region
 */
export function alertWith(region) {
  return {
    /**
     * @param {string} key one notice at a time for each
     * @param {string} text
     * @param {{ href: string, text: string }} [link]
     */
    show(key, text, link) {
      const notice = document.createElement("p");
      notice.dataset.notice = key;
      notice.append(text);
      if (link) notice.append(" ", anchor(link));
      const earlier = find(region, key);
      if (earlier?.textContent === notice.textContent) return;
      earlier?.remove();
      region?.append(notice);
    },

    /** Takes away what has been said of earlier requests, by us or by the server, but not what still holds. */
    clear() {
      for (const notice of region?.querySelectorAll(":scope > :not([data-notice='signed-out'])") ?? []) notice.remove();
    },
  };
}

function find(region, key) {
  return region?.querySelector(`[data-notice="${key}"]`);
}

function anchor({ href, text }) {
  const link = document.createElement("a");
  link.href = href;
  link.textContent = text;
  return link;
}
