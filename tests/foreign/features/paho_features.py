"""Every feature of paho-mqtt that a broker takes part in, for 1.x and 2.x alike: paho_features.py TCP_PORT WEBSOCKET_PORT

One function a feature; each is played in every version of MQTT that has it, over TCP and over WebSocket. Prints
`ok NAME`, or `FAILED NAME` and why.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import paho_any_version  # noqa: F401  the features enter themselves in the list
import paho_version_5  # noqa: F401
from paho_stage import FEATURES, Case


def main():
    ports = {"tcp": int(sys.argv[1]), "websockets": int(sys.argv[2])}
    cases = [Case(*played, *place) for place in ports.items() for played in FEATURES]
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(Case.play, cases))
    print("\n".join(results))
    sys.exit(any(result.startswith("FAILED") for result in results))


main()
