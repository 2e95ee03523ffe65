"""`site.toml` without what names people: comments gone, values of personal fields masked."""

import re
import tomllib

from edge.doctor.masking import NAMED, URL_SECRET, Mask

_STRING = r'"(?:[^"\\]|\\.)*"|\'[^\']*\''
_FIELD = re.compile(r"(?<![\w.-])(?P<key>[A-Za-z0-9_]+)(?P<is>\s*=\s*)(?P<value>" + _STRING
                    + r"|[+-]?[0-9][0-9_.]*)")
_SECRET = re.compile(r"pass|secret|token|pin$|key", re.IGNORECASE)
_COMMENT = re.compile(r'((?:' + _STRING + r'|[^"\'#])*)#.*')


def learn_site(mask: Mask, text: str) -> None:
    """What a valid file says of people; of one that is none, only what its lines show."""
    try:
        mask.learn(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        for line in text.splitlines():
            _masked_line(mask, line, "")


def masked_site(mask: Mask, text: str) -> str:
    """Line by line, so that a line number in a message still fits."""
    if '"""' in text or "'''" in text:
        return "left out: it has texts of several lines\n"
    lines, table = [], ""
    for line in text.splitlines():
        head = re.match(r"\s*\[+\s*([\w.-]+)", line)
        table = head[1] if head else table
        lines.append(_masked_line(mask, line, table))
    return "\n".join(lines) + "\n"


def _masked_line(mask: Mask, line: str, table: str) -> str:
    whole = _COMMENT.fullmatch(line)
    bare = (whole[1].rstrip() if whole else line)

    def one(found: re.Match[str]) -> str:
        key, value = found["key"], found["value"]
        plain = value[1:-1] if value[:1] in "\"'" else value
        known = plain if value[:1] in "\"'" else float(plain)
        masked = mask.field(key, known, "site" if table in NAMED or not table else table)
        if masked is not None:
            plain = masked
        elif _SECRET.search(key) and "/" not in plain and not plain.endswith((".pem", ".key", ".crt")):
            plain = "masked"
        elif value[:1] in "\"'":
            plain = URL_SECRET.sub("masked@", mask.inside(plain))
        else:
            return found[0]
        return f'{key}{found["is"]}"{plain}"'
    return mask.inside(_FIELD.sub(one, bare))
