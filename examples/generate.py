"""Draws an image with Python's standard library and saves it as lighthouse.png."""

import json
import os
from urllib.request import Request, urlopen, urlretrieve

base_url = os.environ.get("BASE_URL", "http://127.0.0.1:4000/v1")
request = Request(
    f"{base_url}/images/generations",
    headers={"Authorization": f"Bearer {os.environ['API_KEY']}", "Content-Type": "application/json"},
    data=json.dumps(
        {"model": "gpt-image-2", "prompt": "A lighthouse at dusk", "size": "1024x1024", "response_format": "url"}
    ).encode(),
)
# The server answers when the image is there, or after ten minutes at most.
with urlopen(request, timeout=630) as response:
    image = json.load(response)["data"][0]
urlretrieve(image["url"], "lighthouse.png")
print("Saved lighthouse.png")
