// A chart that is updated in place. New data waits until the last was painted, until the pointer has let go of the
// chart, and while the tab is hidden; newer data then replaces what waits. One chart is painted at a time, and the
// page has a frame in between for its other work.

const decoder = new TextDecoder()
const charts = new WeakMap()
const waiting = new Set()
let painting = false
let loading

// plotly.js, once per page, when the first chart is to be painted.
function plotly(address) {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement('script')
    script.src = address
    script.onload = () => done(window.Plotly)
    script.onerror = () => { loading = undefined; failed(new Error(`${address} cannot be loaded`)) }
    document.head.append(script)
  })
  return loading
}

const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))

async function paintAll() {
  if (painting) return
  painting = true
  try {
    for (let next; !document.hidden && (next = [...waiting].find((chart) => !chart.held));) {
      await frame()
      waiting.delete(next)
      await next.paint().catch(console.error)
    }
  } finally {
    painting = false
  }
}

document.addEventListener('visibilitychange', paintAll)

// Colours and fonts of Streamlit's theme, as plotly's defaults.
function template(element) {
  const style = getComputedStyle(element)
  const of = (name) => style.getPropertyValue(`--st-${name}`).trim()
  const text = of('text-color'), line = of('border-color'), clear = 'rgba(0,0,0,0)'
  const axis = {
    automargin: true, gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, zeroline: false,
    title: { font: { size: 14 }, standoff: 16 },
  }
  return { layout: {
    font: { family: of('font'), color: text, size: 12 },
    paper_bgcolor: clear, plot_bgcolor: clear, margin: { pad: 4 },
    xaxis: axis, yaxis: axis,
    legend: { font: { color: text } },
    hoverlabel: { bgcolor: of('background-color'), bordercolor: line, font: { color: text, family: of('font') } },
  } }
}

// Plotly has no call for it; a drag that ends where it began is none.
function cancelDrag({ clientX, clientY }) {
  const at = { clientX, clientY, bubbles: true }, cover = document.elementFromPoint(clientX, clientY)
  for (const type of ['mousemove', 'mouseup']) cover?.dispatchEvent(new MouseEvent(type, at))
}

class Chart {
  constructor(parent) {
    this.parent = parent
    this.graph = document.createElement('div')
    this.graph.dataset.testid = 'chart'
    this.graph.setAttribute('role', 'figure')
    parent.append(this.graph)
    this.graph.addEventListener('pointerdown', (event) => this.hold(event))
    this.painted = 0
    this.sizes = new ResizeObserver(() => this.width !== parent.clientWidth && this.wait())
    this.sizes.observe(parent)
  }

  take({ data, setTriggerValue }, plotly) {
    Object.assign(this, { data, setTriggerValue, plotly })
    this.wait()
  }

  wait() {
    waiting.add(this)
    paintAll()
  }

  // From the event of a pressed button until it is released, or Escape is pressed.
  hold(pressed) {
    this.held = true
    // A button released outside of the window is noticed at the next move.
    const release = new AbortController()
    const end = (event) => {
      if (event.type === 'pointermove' && event.buttons || event.type === 'keydown' && event.key !== 'Escape') return
      release.abort()
      if (event.type === 'keydown') cancelDrag(pressed)
      this.held = false
      paintAll()
    }
    for (const type of ['pointerup', 'pointercancel', 'pointermove', 'keydown'])
      addEventListener(type, end, { signal: release.signal, capture: true })
  }

  async paint() {
    const Plotly = await plotly(this.plotly)
    const text = decoder.decode(this.data), colours = template(this.parent), width = this.parent.clientWidth
    const drawn = JSON.stringify([width, colours]) + text
    // Without a width it is on a tab that is not open, or has been removed.
    if (drawn === this.drawn || !width) return
    const { alt, data, layout } = JSON.parse(text)
    this.graph.setAttribute('aria-label', alt)
    this.offset = layout.meta?.offset_s
    // On a touch screen a drag scrolls the page.
    const zooms = this.offset !== undefined && !matchMedia('(pointer: coarse)').matches
    await Plotly.react(
      this.graph, data,
      { ...layout, width, template: colours, dragmode: zooms && 'zoom' },
      { displayModeBar: false, scrollZoom: false, doubleClick: false },
    )
    if (!this.drawn) this.graph.on('plotly_relayout', (changed) => this.zoomed(changed))
    Object.assign(this, { drawn, width })
    this.graph.dataset.painted = ++this.painted
  }

  zoomed(changed) {
    if (!Object.keys(changed).some((name) => name.startsWith('xaxis.range'))) return
    this.setTriggerValue('range', { range: this.graph.layout.xaxis.range, offset_s: this.offset })
  }

  remove() {
    waiting.delete(this)
    this.sizes.disconnect()
    if (this.drawn) window.Plotly.purge(this.graph)
  }
}

export default function (component, plotly) {
  const parent = component.parentElement
  if (!charts.has(parent)) charts.set(parent, new Chart(parent))
  const chart = charts.get(parent)
  chart.take(component, plotly)
  // Streamlit also calls this for an update that a newer one overtook.
  return () => { if (!parent.isConnected) chart.remove() }
}
