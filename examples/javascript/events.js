// Follows what happens, by server-sent events with one-time tickets. Runs in Node 20 and in browsers.
//
// A browser's EventSource sends no headers, and no token belongs in a URL: each stream is opened with a ticket that
// is good once. It goes on after the last event, so that nothing is lost or told twice.

import { MedCorError, refusal } from "./medcor.js";

const RETRY_MILLISECONDS = 3000;

/**
 * Tells of events until `stop()`. `onEvent` gets the data, which names its `type`, and the id to go on from; `onError`
 * what ended a stream; after `retry` milliseconds it is opened again.
 */
export function follow(medcor, { topics = "", after, onEvent, onError = () => {}, retry = RETRY_MILLISECONDS }) {
  const stopping = new AbortController();
  let last = after;
  const heard = (data, id) => {
    if (id) last = id;
    onEvent(JSON.parse(data), last);
  };
  const opened = (async () => {
    while (!stopping.signal.aborted) {
      try {
        const { url } = await medcor.request("/api/mcp/sse/ticket", {});
        const query = new URLSearchParams({ ...(topics && { topics }), ...(last && { last_event_id: last }) });
        const stream = globalThis.EventSource ? listened : read;
        await stream(`${medcor.url}${url}&${query}`, heard, stopping.signal);
      } catch (error) {
        onError(error);
        // Another token, and not another try, is what these need.
        if (error instanceof MedCorError && !/^(RATE_LIMIT|NOT_READY|SERVER_ERROR|HTTP 5..)$/.test(error.code)) return;
      }
      await pause(retry, stopping.signal);
    }
  })();
  return { stop: () => stopping.abort(), ended: opened, get last() { return last; } };
}

/** The events that a stream can have; each has its name, and a listener of its own. */
const NAMES = [
  "resource_update", "appointment_created", "patient_registered", "reminder_due", "critical_result", "break_glass",
  "tool_response", "heartbeat", "auth_refresh", "reset", "error_event",
];

/** By the browser's EventSource, until the stream breaks off: what it would open again has a ticket that was used. */
function listened(url, heard, signal) {
  return new Promise((resolve) => {
    const source = new EventSource(url);
    const end = () => {
      source.close();
      resolve();
    };
    for (const name of NAMES) source.addEventListener(name, (event) => heard(event.data, event.lastEventId));
    source.addEventListener("error", end);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** By `fetch`, where there is no EventSource. */
async function read(url, heard, signal) {
  const answer = await fetch(url, { headers: { Accept: "text/event-stream" }, signal }).catch((error) => {
    if (signal.aborted) return null;
    throw error;
  });
  if (!answer) return;
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const bytes of answer.body) {
      text += decoder.decode(bytes, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const lines = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
        if (lines.data) heard(lines.data, lines.id);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
