"""The plain script: what a competent person writes in an afternoon.

    python3 plain.py ADDRESS CUSTOMERS_FILE CHECKPOINT_FILE THREADS PAYMENT_METHOD

It polls the customers, a thousand at a time, and creates what its checkpoint does not
have. A crash between a create and the commit after it makes the create twice: this is a
yardstick, not a way to do it.
"""

import http.client
import json
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

POLL = "/api/connector/v1/preauthorizations/getAllByCustomers"
CREATE = "/ResourceServer/api/v4/PaymentPreAuthorize/"
LOGIN = "/AuthorizationServer/api/v4/Access/Login"
CHUNK = 1000

local = threading.local()


def post(host, path, body, headers):
    """Sends a request on the thread's own connection, which is kept."""
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection(host, timeout=60)
    local.connection.request("POST", path, body, headers)
    reply = local.connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path}: HTTP {reply.status}: {text[:200]}")
    return json.loads(text)


def post_json(host, path, body, token=""):
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    return post(host, path, json.dumps(body), headers)


def main(address, customers_file, checkpoint_file, threads, method):
    host = urlsplit(address).netloc
    with open(customers_file) as lines:
        customers = sorted(line.strip() for line in lines if line.strip())
    checkpoint = sqlite3.connect(checkpoint_file)
    checkpoint.execute("PRAGMA journal_mode=WAL")
    checkpoint.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, identity INTEGER)")
    done = {row[0] for row in checkpoint.execute("SELECT id FROM done")}
    form = "grant_type=password&client_id=bench&username=bench&password=bench"
    login = post(host, LOGIN, form, {"Content-Type": "application/x-www-form-urlencoded"})

    def create(entry):
        body = {"paymentMethodId": method, "amount": entry["Amount"]["GrossValue"], "transactionToken": entry["Id"]}
        reply = post_json(host, CREATE, body, login["access_token"])
        return entry["Id"], reply["results"]["items"][0]["identity"]

    began, created = time.monotonic(), 0
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(customers), CHUNK):
            tokens = {"ClientToken": "token-of-the-client", "AccessToken": "token-of-the-property", "Client": "plain 1.0"}
            entries = post_json(host, POLL, tokens | {"CustomerIds": customers[at : at + CHUNK]})["Preauthorizations"]
            due = [e for e in entries if e["Id"] not in done and e["State"] == "Chargeable" and e["IsActive"]]
            for made in pool.map(create, due):
                with checkpoint:
                    checkpoint.execute("INSERT INTO done VALUES (?, ?)", made)
                created += 1
    seconds = time.monotonic() - began
    print(f"{created} created in {seconds:.1f} s: {created / seconds:.0f} a second")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
