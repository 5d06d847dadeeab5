"""The page at `/`, for people: the files of `api/page`, served as they are."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, Request, Response

from api.problems import Code, Problem

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # Texts of posts become text nodes; a browser that knows these two refuses to read any string as markup.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""The page may load its own files and ask its own service, and nothing else."""

_FOLDER = Path(__file__).parent / "page"
_INDEX = "index.html"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str


def add_page(app: FastAPI) -> None:
    """Add `/` and, under `/page/`, what it loads. The files are read once; a browser asks each time whether its copy is
    still the current one, so that all of them are always of one version.
    """
    files = {path.name: _read(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return _answer(request, files[_INDEX])

    @app.get("/page/{name}", include_in_schema=False)
    async def file(request: Request, name: str) -> Response:
        if name not in files:
            raise Problem(Code.NOT_FOUND, "the page has no such file")
        return _answer(request, files[name])


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, _MEDIA_TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')


def _answer(request: Request, file: _File) -> Response:
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "ETag": file.etag,
    }
    if file.etag in request.headers.get("if-none-match", ""):  # a proxy that packs may have called it weak
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
