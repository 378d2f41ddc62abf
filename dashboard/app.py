"""What Streamlit runs for each session: the pages there are. A new page is one line here (docs/dashboard.md)."""

from __future__ import annotations

import streamlit as st

from dashboard import theme
from dashboard.components import frame
from dashboard.pages.dead_letters import page as dead_letters
from dashboard.pages.events import page as events
from dashboard.pages.fulfilment import page as fulfilment
from dashboard.pages.inventory import page as inventory
from dashboard.pages.marketing import page as marketing
from dashboard.pages.orders import page as orders
from dashboard.pages.overview import page as overview
from dashboard.pages.payments import page as payments
from dashboard.pages.pipeline import page as pipeline
from dashboard.pages.sql import page as sql
from dashboard.session import sign_in

PAGES = {
    "": [
        st.Page(overview.show, title="Overview", icon=":material/speed:", default=True),
        # Streamlit knows its first page by the bare address alone; links say `overview`.
        st.Page(overview.show, title="Overview", url_path="overview", visibility="hidden"),
    ],
    "Business": [
        st.Page(orders.show, title="Orders and revenue", icon=":material/shopping_cart:", url_path="orders"),
        st.Page(inventory.show, title="Inventory", icon=":material/inventory_2:", url_path="inventory"),
        st.Page(marketing.show, title="Marketing", icon=":material/campaign:", url_path="marketing"),
        st.Page(payments.show, title="Payments and fraud", icon=":material/credit_card:", url_path="payments"),
        st.Page(fulfilment.show, title="Fulfilment", icon=":material/local_shipping:", url_path="fulfilment"),
    ],
    "Operations": [
        st.Page(pipeline.show, title="Pipeline health", icon=":material/monitor_heart:", url_path="pipeline"),
        st.Page(dead_letters.show, title="Dead letters", icon=":material/mark_email_unread:", url_path="dead-letters"),
    ],
    "Explore": [
        st.Page(events.show, title="Events", icon=":material/manage_search:", url_path="events"),
        st.Page(sql.show, title="SQL", icon=":material/terminal:", url_path="sql"),
    ],
}

# As narrow as the longest name lets it be: the figures want the room.
SIDEBAR_PX = 276

st.set_page_config(page_title="Streamgauge", page_icon=theme.ICON, layout="wide", initial_sidebar_state=SIDEBAR_PX)
st.logo(theme.LOGO, icon_image=theme.ICON)
if sign_in.admitted():
    frame.begin()
    page = st.navigation(PAGES)
    sign_in.who()
    frame.head(page.title)
    page.run()
else:
    # So that its address is known, and waits in the bar.
    st.navigation(PAGES, position="hidden")
    sign_in.show()
