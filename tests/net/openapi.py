#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""openapi.py DOC SESSION: holds docs/openapi.json against a running dnot-serve
(DNOT_URL, a key in DNOT_KEY): it describes the methods that there are and no
others; requests that work are valid by it; and each answer, in both error
modes, is one that it describes. SESSION is what openapi.js printed of a client
that stays. Prints what is wrong; exit 1 then."""

import json
import os
import sys
import urllib.error
import urllib.request

from jsonschema import Draft202012Validator, RefResolver

URL, KEY = os.environ["DNOT_URL"], os.environ["DNOT_KEY"]
with open(sys.argv[1], encoding="utf-8") as file:
    DOC = json.load(file)
WHO = json.loads(sys.argv[2])
RESOLVER = RefResolver.from_schema(DOC)
METHODS = {path[len("/api/"):]: item["post"]
           for path, item in DOC["paths"].items() if path.startswith("/api/")}
NOWHERE = {"channel": "none:x"}
wrong = []
worked = set()


def check(good, *what):
    """Notes what is wrong."""
    if not good:
        wrong.append(" ".join(map(str, what)))


def follow(node):
    """Behind its $ref, where it has one."""
    return RESOLVER.resolve(node["$ref"])[1] if "$ref" in node else node


def valid(schema, value, *what):
    """Notes where the value is not as the schema says."""
    validator = Draft202012Validator(schema, resolver=RESOLVER)
    for error in validator.iter_errors(value):
        best = min(error.context, key=lambda e: -len(e.path), default=error)
        check(False, *what, list(best.path), best.message, "in", value)


def ask(path, body=None, headers=None, key=KEY):
    """Status, content type and body of an answer."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    if key is not None:
        headers["X-API-Key"] = key
    request = urllib.request.Request(URL + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers.get_content_type(), \
                answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read()


def described(operation, status, kind, body, *what):
    """The answer's JSON, once it is one that the operation describes."""
    response = operation["responses"].get(str(status))
    check(response, *what, "status", status, "is not described")
    content = follow(response or {}).get("content", {})
    if not body and not content:
        return None
    check(kind in content, *what, status, kind, "is not described")
    value = json.loads(body) if kind == "application/json" else body.decode()
    if kind in content:
        valid(content[kind]["schema"], value, *what, status)
    return value


def call(method, params, mode=None):
    """One call, its answer validated."""
    headers = {"X-Centrifugo-Error-Mode": mode} if mode else {}
    answer = ask("/api/" + method, json.dumps(params).encode(), headers)
    return answer[0], described(METHODS[method], *answer, method, params)


def takes(method, params, **members):
    """It works, the request is a valid one, and the result has these."""
    body = METHODS[method]["requestBody"]["content"]["application/json"]
    valid(body["schema"], params, method, "request")
    status, value = call(method, params)
    result = value if method == "batch" else value.get("result")
    check(status == 200 and result is not None, method, params, value)
    worked.add(method)
    for name, test in members.items():
        check(name in (result or {}) and test(result[name]),
              method, params, name, value)
    return result or {}


def refuses(method, params, code, status):
    """The same error in both modes."""
    got, value = call(method, params)
    check(got == 200 and value.get("error", {}).get("code") == code,
          method, params, "got", got, value, "want", code)
    got, value = call(method, params, "transport")
    check(got == status and value.get("code") == code,
          method, params, "got", got, value, "want", status, code)


def methods():
    """The methods of the server are those of the document."""
    answer = ask("/api")
    value = described(DOC["paths"]["/api"]["get"], *answer, "GET /api")
    check(sorted(value["methods"]) == sorted(METHODS),
          "methods differ:", set(value["methods"]) ^ set(METHODS))
    parts = set(METHODS) - {"batch"}
    commands = DOC["components"]["schemas"]["BatchRequest"]["properties"]
    check(set(commands["commands"]["items"]["properties"]) == parts,
          "commands of a batch differ")
    reply = DOC["components"]["schemas"]["BatchReply"]["oneOf"][1]
    check(set(reply["properties"]) == parts, "replies of a batch differ")
    for name, operation in METHODS.items():
        check(operation["operationId"] == name, name, "operationId")


def schemas():
    """Each schema is one, and each is used."""
    text = json.dumps(DOC)
    for kind, items in DOC["components"].items():
        for name, item in items.items():
            where = f'"#/components/{kind}/{name}"'
            check(kind == "securitySchemes" or where in text, "unused:", where)
            if kind == "schemas":
                Draft202012Validator.check_schema(item)
    for entry in DOC["security"]:
        check(set(entry) <= set(DOC["components"]["securitySchemes"]), entry)


def channels():
    """The methods about channels."""
    takes("publish", {"channel": "a", "data": {"x": 1}}, offset=lambda n: n == 1)
    takes("publish", {"channel": "a", "data": None, "request_id": "r",
                      "seq": 0, "status": "done", "tags": {"k": "v"},
                      "ts": {"enqueued": 5}, "ref": {"url": "s3://x"},
                      "wait": "logged", "timeout_ms": 5000, "delta": True},
          logged=lambda v: v is True)
    takes("publish", {"channel": "a", "data": 2, "request_id": "r", "seq": 0},
          duplicate=lambda v: v is True)
    takes("publish", {"channel": "a", "b64data": "AAE=", "version": 5,
                      "version_epoch": "e"})
    takes("publish", {"channel": "a", "data": 4, "version": 4,
                      "version_epoch": "e"}, suppressed=lambda v: v is True)
    takes("publish", {"channel": "held", "data": 1, "wait": "written"},
          written=lambda n: n == 1)
    takes("publish", {"channel": "fall:x", "data": 1},
          fallback=lambda v: v == "undelivered")
    takes("publish", {"channel": "bare:x", "data": 1, "skip_history": True},
          matched=lambda n: n == 0)
    takes("broadcast", {"channels": ["a", "none:x"], "data": 1},
          responses=lambda r: len(r) == 2 and "error" in r[1])
    all_of_a = takes("history", {"channel": "a", "limit": -1},
                     publications=lambda p: len(p) == 4)
    takes("history", {"channel": "a", "limit": 1, "reverse": True,
                      "since": {"offset": 2, "epoch": all_of_a["epoch"]}},
          publications=lambda p: p[0]["offset"] == 1)
    takes("history", {"channel": "held", "limit": -1},
          publications=lambda p: "info" in p[0])
    takes("presence", {"channel": "held"},
          presence=lambda p: p[WHO["client"]]["chan_info"] == 7)
    takes("presence_stats", {"channel": "held"}, num_users=lambda n: n == 1)
    takes("channels", {"pattern": "h*"}, channels=lambda c: "held" in c)
    takes("history_remove", {"channel": "a"})
    takes("redeliver", {"channel": "held", "data": 1, "undelivered":
                        {"id": "u1"}}, taken=lambda v: v is True)
    takes("redeliver", {"channel": "held", "data": 1, "undelivered":
                        {"id": "u1"}}, already=lambda v: v is True)
    takes("redeliver", {"channel": "a", "data": 1, "undelivered":
                        {"id": "u2"}}, reason=lambda v: v == "no_subscriber")


def refusals():
    """What the methods refuse."""
    for name in ("publish", "history", "history_remove", "presence",
                 "presence_stats", "redeliver"):
        refuses(name, {"data": 1}, 107, 400)
        more = {"data": 1, "undelivered": {"id": "u"}}
        refuses(name, {**NOWHERE, **more}, 102, 404)
    for name in ("history", "history_remove", "presence", "presence_stats"):
        refuses(name, {"channel": "bare:x"}, 108, 400)
    refuses("history", {"channel": "a", "since": {"offset": 1, "epoch": "no"}},
            112, 416)
    refuses("publish", {"channel": "a", "data": 1, "wait": "acked"}, 108, 400)
    refuses("broadcast", {"channels": 5, "data": 1}, 107, 400)
    refuses("channels", {"pattern": 5}, 107, 400)
    refuses("batch", {"commands": {}}, 107, 400)


def tokens():
    """Revoked tokens: the limit is two."""
    takes("revoke_token", {"uid": "x", "expire_at": None},
          durable=lambda v: v is True)
    takes("invalidate_user_tokens", {"user": "y", "issued_before": 5},
          disconnected=lambda n: n == 0)
    refuses("revoke_token", {"uid": "z"}, 106, 400)
    refuses("revoke_token", {}, 107, 400)
    refuses("invalidate_user_tokens", {"user": ""}, 107, 400)
    refuses("invalidate_user_tokens", {"user": "y", "channel": "c"}, 108, 400)


def connections():
    """The methods about connections; the last one ends the client."""
    takes("subscribe", {"user": "u", "channel": "more", "info": {"x": 1},
                        "data": 5, "recover_since": {"offset": 0},
                        "expire_at": None, "whitelist": ["x"],
                        "override": {"presence": {"value": True}}})
    takes("subscribe", {"client": WHO["client"], "channel": "bare:y",
                        "b64info": "e30="})
    me = WHO["client"]
    page = takes("connections", {"limit": 1, "cursor": ""},
                 connections=lambda c: c[me]["num_subs"] == 3)
    check(page["connections"][me]["subscriptions"]["more"]["server_side"],
          "connections", page)
    takes("connections", {"user": "u", "channel": "held"},
          connections=lambda c: c[me]["app_name"] == "js")
    takes("send", {"user": "u", "data": {"x": 1}}, matched=lambda n: n == 1)
    takes("refresh", {"client": WHO["client"], "info": {"x": 2},
                      "expire_at": 4000000000})
    takes("unsubscribe", {"user": "u", "channel": "more"})
    for name in ("subscribe", "unsubscribe", "connections"):
        refuses(name, {"user": "u", "channel": "none:x"}, 102, 404)
    for name in ("unsubscribe", "disconnect", "refresh", "send"):
        refuses(name, {}, 107, 400)
    refuses("subscribe", {"user": "u"}, 107, 400)
    refuses("connections", {"limit": 0}, 107, 400)
    refuses("disconnect", {"user": "u", "disconnect": {"code": 5}}, 107, 400)
    takes("disconnect", {"client": WHO["client"], "disconnect":
                         {"code": 4000, "reason": "enough"}})


def server():
    """The methods about the server, and calls in one."""
    takes("info", {}, nodes=lambda n: n[0]["version"] == DOC["info"]["version"])
    takes("ready", {}, ready=lambda v: v is True)
    takes("batch", {"commands": [
        {"publish": {"channel": "a", "data": 1}}, {"publish": NOWHERE},
        {"history": {"channel": "a"}}, {"info": {}}, {"ready": {}},
        {"presence": {"channel": "held"}}, {"channels": {}},
        {"broadcast": {"channels": ["a"], "data": 1}},
        {"connections": {}}, {"disconnect": {"user": "nobody"}},
    ]}, replies=lambda r: "error" in r[1] and len(r) == 10)


def outside():
    """What is answered before any method is asked."""
    for name, operation in METHODS.items():
        path = "/api/" + name
        for body, headers, key, want in (
                (b"{}", None, None, 401),
                (b"{}", None, "no key", 401),
                (b"{}", {"Origin": "https://evil.example"}, KEY, 403),
                (b"{", None, KEY, 400),
                (b"[]", None, KEY, 400),
                (b'{"x": "' + b"x" * 70000 + b'"}', None, KEY, 413)):
            answer = ask(path, body, headers, key)
            check(answer[0] == want, path, "got", answer[0], "want", want)
            described(operation, *answer, path)
    check(ask("/api/nothing", b"{}")[0] == 404, "an unknown method")


for part in (methods, schemas, channels, refusals, tokens, server, outside,
             connections):
    part()
check(worked == set(METHODS), "never asked:", set(METHODS) - worked)
print("\n".join(wrong[:20]))
sys.exit(1 if wrong else 0)
