"""What runs in the browser: our Streamlit components, and plotly.js for them."""
