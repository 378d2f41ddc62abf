// Whether the tab is hidden, told to the server whenever it holds another answer.

const tabs = new Map()

document.addEventListener('visibilitychange', () => tabs.forEach((tell) => tell()))

export default function ({ parentElement, data, setStateValue }) {
  const tell = () => { if (document.hidden !== data) setStateValue('hidden', data = document.hidden) }
  tabs.set(parentElement, tell)
  tell()
  return () => { if (!parentElement.isConnected) tabs.delete(parentElement) }
}
