"""The live board of the stream: what arrives, what was found in it, and how the pipeline keeps up, in a browser.

Served by Starlette over server-sent events and not by Streamlit, which runs its script again for every viewer and every
change: a sweeping tracing, two hundred patients and many viewers are what it is not made for.
"""
