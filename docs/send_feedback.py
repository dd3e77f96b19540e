"""Sends a feedback job to the queue (docs/wire-format.md)."""

import hmac
import json
import os
import re
import uuid
from datetime import datetime, timezone

import boto3


def send_feedback(event_id, time, data, source="/shop"):
    """Sends one job. Call it again with the same arguments after an error: it stays one job."""
    user = data["user"]
    who = f"id:{user['id']}" if "id" in user else f"email:{re.sub(r'[+][^@]*@', '@', user['email'].lower())}"
    group = hmac.new(os.environ["GROUP_KEY"].encode(), f"feedback:{who}".encode(), "sha256").hexdigest()[:32]
    event = {"specversion": "1.0", "id": event_id, "source": source, "type": "feedback.submitted.v1"}
    event |= {"time": time, "datacontenttype": "application/json", "data": data}
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["QUEUE_URL"],
        MessageBody=json.dumps(event),
        MessageGroupId=group,
        MessageDeduplicationId=str(uuid.uuid4()),
    )
    return event_id


if __name__ == "__main__":
    feedback = {"user": {"id": "u-1", "email": "user@example.com"}, "subject": "Hello", "message": "It works"}
    # Store both with the feedback, so that a repeat has the same id and time.
    print(send_feedback(str(uuid.uuid4()), datetime.now(timezone.utc).isoformat(), feedback))
