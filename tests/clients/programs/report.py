"""Each program prints what its client hands over, one JSON object a line, and says so when it stops for good."""
import json
import sys

URL = sys.argv[1]
PAUSE = 0.5


def hand_over(type, data, id):
    print(json.dumps({"type": type or "message", "data": data, "id": id or ""}), flush=True)


def stopped():
    print(json.dumps({"stopped": True}), flush=True)
    sys.exit()
