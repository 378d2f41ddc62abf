// Whether the tab is hidden, and whether its page is too slow for the refreshes it gets: told to the server whenever it
// holds another answer.

const tabs = new Map()
const LOOK_MS = 50
// Shares of the time that the page was too busy to look, above which it is slow, and below which it no longer is.
const SLOW = 0.6, WELL = 0.2
let slow = false, busy = 0, due = performance.now() + LOOK_MS

const tellAll = () => tabs.forEach((tell) => tell())

document.addEventListener('visibilitychange', tellAll)

setInterval(() => {
  const now = performance.now(), late = Math.max(0, now - due)
  due = now + LOOK_MS
  // The browser itself delays the timers of a hidden page.
  if (document.hidden) return
  // The mean of about the last six seconds.
  const weight = Math.exp(-(late + LOOK_MS) / 6000)
  busy = busy * weight + (late / (late + LOOK_MS)) * (1 - weight)
  if (slow ? busy < WELL : busy > SLOW) { slow = !slow; tellAll() }
}, LOOK_MS)

export default function ({ parentElement, data, setStateValue }) {
  const held = { ...data }
  const tell = () => {
    for (const [name, is] of [['hidden', document.hidden], ['slow', slow]])
      if (is !== held[name]) setStateValue(name, held[name] = is)
  }
  tabs.set(parentElement, tell)
  tell()
  return () => { if (!parentElement.isConnected) tabs.delete(parentElement) }
}
