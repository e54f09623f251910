"""A page in chromium, without a window: what a script finds there, and what it asks the net for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
NO_BROWSER = "no chromium here: apt-get install chromium"

WATCH = """<script>
const complaints = [];
addEventListener("error", (event) => complaints.push(String(event.message)));
addEventListener("unhandledrejection", (event) => complaints.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => complaints.push(event.blockedURI));
console.error = console.warn = (...words) => complaints.push(words.join(" "));
</script>"""


def browse(folder: Path, page: str, script: str, *options: str) -> tuple[dict, dict]:
    """Run a script in the page; return what it left in `found`, and the log of the net."""
    watched = page.replace("<style>", WATCH + "<style>", 1)
    run = (
        "<script>addEventListener('load', () => { const found = {};" + script + ";"
        "found.complaints = complaints; const out = document.createElement('pre');"
        "out.id = 'outcome'; out.textContent = JSON.stringify(found);"
        "document.body.append(out); });</script></body>"
    )
    path = folder / "watched.html"
    path.write_text(watched.replace("</body>", run))
    log = folder / "net.json"
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    done = subprocess.run(
        [
            *(BROWSER or "", "--headless", "--no-sandbox", "--disable-gpu", *quiet),
            *(f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *(f"--log-net-log={log}", "--virtual-time-budget=3000", *options),
            *("--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    outcome = re.search(r'<pre id="outcome">(.*?)</pre>', done.stdout, re.S)
    if outcome is None:
        return {}, json.loads(log.read_text())
    found = HTMLParser()
    text: list[str] = []
    found.handle_data = text.append  # type: ignore[method-assign]
    found.feed(outcome[1])
    found.close()
    return json.loads("".join(text)), json.loads(log.read_text())


def requests(log: dict) -> set[str]:
    """Return the schemes of all that a page asked for; what the browser itself asks for aside."""
    asked = [event["params"] for event in log["events"] if "initiator" in event.get("params", {})]
    own = [each["url"] for each in asked if each["initiator"] != "not an origin"]
    return {url.partition(":")[0] for url in own}
