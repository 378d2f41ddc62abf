"""The script that Streamlit runs for each session: sign-in, navigation, the frame, and the chosen page."""

from __future__ import annotations

import streamlit as st

from dashboard import theme
from dashboard.components import frame
from dashboard.data import query_cache
from dashboard.navigation import Page, of
from dashboard.session import sign_in

# As narrow as the longest name allows: the figures need the room.
SIDEBAR_PX = 276


def entry(page: Page) -> st.Page:
    """The page as Streamlit has it."""
    return st.Page(page.draw, title=page.title, icon=f":material/{page.icon}:", url_path=page.path)


start, *others = of(query_cache.catalog())
pages: dict[str, list[st.Page]] = {
    start.section: [
        # Streamlit serves its default page at the bare address only; links use `overview`.
        st.Page(start.draw, title=start.title, icon=f":material/{start.icon}:", default=True),
        st.Page(start.draw, title=start.title, url_path=start.path, visibility="hidden"),
    ],
}
for page in others:
    pages.setdefault(page.section, []).append(entry(page))

st.set_page_config(page_title="Streamgauge", page_icon=theme.ICON, layout="wide", initial_sidebar_state=SIDEBAR_PX)
st.logo(theme.LOGO, icon_image=theme.ICON)
if sign_in.admitted():
    frame.begin()
    chosen = st.navigation(pages)
    sign_in.who()
    frame.head(chosen.title)
    chosen.run()
else:
    # So that the address stays known, and in the bar.
    st.navigation(pages, position="hidden")
    sign_in.show()
