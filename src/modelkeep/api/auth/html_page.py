"""Pages that need no script: the frame and the headers of signing in and of consent. Nobody else's page can frame them."""

import html

from modelkeep.http.messages import Response

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Modelkeep</title>
<style>
:root {{ color-scheme: light dark; --line: #c9ced6; --accent: #1f5fbf; }}
@media (prefers-color-scheme: dark) {{ :root {{ --line: #4b5563; --accent: #8ab4f8; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0; }}
main {{ width: min(24rem, calc(100vw - 3rem)); }}
h1 {{ font-size: 1.5rem; margin: 0 0 .25rem; }}
label {{ display: block; font-weight: 600; margin: 1.5rem 0 .375rem; }}
input {{ width: 100%; box-sizing: border-box; font: inherit; padding: .5rem .75rem; border: 1px solid var(--line);
  border-radius: .375rem; }}
button {{ width: 100%; margin-top: 1rem; font: inherit; font-weight: 600; padding: .625rem; border: 0; border-radius: .375rem;
  background: #1f5fbf; color: #fff; cursor: pointer; }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
code {{ font-size: .875em; }}
.provider {{ display: block; text-align: center; text-decoration: none; margin: 1.5rem 0; font-weight: 600; padding: .625rem;
  border-radius: .375rem; background: #1f5fbf; color: #fff; }}
summary {{ cursor: pointer; }}
button.second {{ background: none; color: inherit; border: 1px solid var(--line); }}
.error {{ border-left: 4px solid #c62828; padding: .25rem .75rem; }}
</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"""


def plain_page(title: str, main: str, status: int = 200, form_action: str = "'self'") -> Response:
    """`title` is text, `main` HTML. `form_action`: where forms may lead, redirects included, as a policy says it."""
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
        f"form-action {form_action}"
    )
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        (b"x-frame-options", b"DENY"),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"same-origin"),
    ]
    return Response(status, _FRAME.format(title=html.escape(title), main=main).encode(), headers)


def error_note(text: str) -> str:
    """HTML of one sentence that says what is wrong."""
    return f'<p class="error" role="alert">{html.escape(text)}</p>'
