#!/bin/sh
# Draws an image with curl and prints the answer, which has a link to the image.
set -eu

curl --silent --show-error --fail-with-body "${BASE_URL:-http://127.0.0.1:4000/v1}/images/generations" \
  -H "Authorization: Bearer $API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"model": "gpt-image-2", "prompt": "A lighthouse at dusk", "size": "1024x1024", "response_format": "url"}'
