"""Theme: colours, CSS, Streamlit's options.

Series colours are Okabe and Ito's, which colour-blind readers can distinguish, lightened where they would be too dark
on a dark page.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

BLUE = "#3B8BD0"
ORANGE = "#E69F00"
PINK = "#CC79A7"
GREEN = "#12A47C"
SKY = "#56B4E9"
VERMILION = "#D55E00"
GREY = "#8A94A6"

# The same stream has the same colour everywhere, whatever else is on the page.
STREAM_COLOURS = {
    "orders": BLUE,
    "inventory": ORANGE,
    "marketing": PINK,
    "payments": GREEN,
    "shipments": SKY,
    "fulfilment": "#7A6FD0",
    "fraud": VERMILION,
    "attribution": "#B8A63A",
    "campaigns": "#9C5B8E",
    "products": "#6B7F3B",
    "lag": GREY,
}
# Consumer groups that are named after no stream.
GROUP_COLOURS = {"analytics": BLUE, "services": PINK, "warehouse": GREEN}
# Meaning of colours where there is no stream: it went well, it needs attention, it failed, it is a comparison.
GOOD, WARN, BAD, COMPARED = GREEN, ORANGE, VERMILION, GREY
# For streams of other catalogs.
SPARE_COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, "#7A6FD0", "#B8A63A", GREY)

_LIGHT = {
    "primaryColor": "#0F766E",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F3F5F8",
    "textColor": "#16202E",
    "borderColor": "#DDE3EA",
}
_DARK = {
    "primaryColor": "#2DD4BF",
    "backgroundColor": "#0E141B",
    "secondaryBackgroundColor": "#18212B",
    "textColor": "#E6EBF1",
    "borderColor": "#2A3642",
}

# Details of errors stay in the log, the server stays on this machine, no usage statistics are sent.
OPTIONS: dict[str, Any] = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "browser.gatherUsageStats": False,
    # Collecting all garbage after every run took two thirds of the process's time with eight sessions.
    "runner.postScriptGC": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "viewer",
    "theme.baseRadius": "10px",
    "theme.font": "Inter, 'Segoe UI', system-ui, -apple-system, 'Noto Sans', 'DejaVu Sans', sans-serif",
    "theme.headingFontSizes": ["1.75rem", "1.375rem", "1.125rem", "1rem", "1rem", "1rem"],
    "theme.metricValueFontSize": "1.6rem",
    "theme.metricValueFontWeight": 650,
    "theme.codeFontSize": "0.9rem",
    "theme.paddingTop": "1.5rem",
    **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in _DARK.items()},
}

# What Streamlit's layout lacks: tiles that share a row where there is room and wrap where not; and no fading of what is
# about to be redrawn. Static text, never a field of an event.
CSS = """<style>
[data-testid="stMainBlockContainer"] { padding-left: 2rem; padding-right: 2rem; }
[class*="st-key-tiles-"] { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: 0.75rem;
  align-items: stretch; }
.st-key-tiles-filters { align-items: end; }
[class*="st-key-tiles-"] > * { min-width: 0; width: 100%; }
[class*="st-key-tiles-"]:not(.st-key-tiles-filters) > * { height: 100%; }
/* A change and its comparison: beside each other where there is room. */
[class*="st-key-tiles-"] [data-testid="stMetric"] :has(> [data-testid="stMetricDelta"]) { flex-wrap: wrap; }
[class*="st-key-tiles-"] [data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; }
.st-key-events-list { position: relative; }
[class*="st-key-tab-"] { display: none; }
.st-key-pointing { position: absolute; inset: 0; pointer-events: none; }
/* The running man at every refresh. Whether the page is connected is shown elsewhere. */
[data-testid="stStatusWidget"] { display: none; }
/* A table's own download has text that a spreadsheet would run as a formula; that of the page SQL is guarded. */
[data-testid="stElementToolbarButton"]:has([aria-label^="Download as CSV"]) { display: none; }
[data-testid="stSidebarNavLink"]:focus-visible { outline: 2px solid; outline-offset: -2px; }
[data-stale="true"] { opacity: 1 !important; transition: none !important; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-left: 1rem; padding-right: 1rem; }
  [class*="st-key-tiles-"] { grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); }
  [class*="st-key-tiles-"] [data-testid="stMetricValue"] { font-size: 1.4rem; }
}
</style>"""
DIALOG_PX = 320
CARD_PX = 420

# Inside the page: an icon by name would be fetched from a font server on the internet.
_SIGN = (
    '<rect width="32" height="32" rx="7" fill="#0F766E"/>'
    '<path d="M5 21c3.5 0 3.5-3 7-3s3.5 3 7 3 3.5-3 7-3M9 13v-6M16 13v-8M23 13v-4" fill="none" stroke="#fff" '
    'stroke-width="2.6" stroke-linecap="round"/>'
)


def _picture(width: int, drawn: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="32" viewBox="0 0 {width} 32">{drawn}</svg>'
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


ICON = _picture(32, _SIGN)
# An SVG does not know the theme, so the name has a colour that is readable on both; nor the font, so its width is
# fixed.
LOGO = _picture(
    184,
    f'{_SIGN}<text x="42" y="23" font-family="{OPTIONS["theme.font"]}" font-size="20" font-weight="650" '
    'textLength="140" lengthAdjust="spacingAndGlyphs" '
    'fill="#128C82">Streamgauge</text>',
)


def stream_colour(stream: str) -> str:
    """Colour of a stream; an unknown one gets a colour by its name, so that it is the same after a restart."""
    return STREAM_COLOURS.get(stream) or SPARE_COLOURS[sum(stream.encode()) % len(SPARE_COLOURS)]


def group_colour(group: str) -> str:
    """Colour of a consumer group: that of the stream it publishes, if any."""
    return GROUP_COLOURS.get(group) or stream_colour(group)


def stream_order(stream: str) -> tuple[int, str]:
    """Sort key of a stream in a legend: known streams first, in the order of their flow."""
    known = list(STREAM_COLOURS)
    return (known.index(stream) if stream in known else len(known), stream)
