"""Uses the local SQS as programs in Python do. Prints a line of JSON for each call: name, whether it was right, what was seen."""

import json
import sys

import boto3

ENDPOINT = {
    "endpoint_url": sys.argv[1],
    "region_name": "us-east-1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
}
sqs = boto3.client("sqs", **ENDPOINT)


def check(name, call, right=lambda answer: True):
    try:
        answer = call()
        print(json.dumps([name, bool(right(answer)), repr(answer)]))
        return answer
    except Exception as error:
        print(json.dumps([name, False, repr(error)]))
        return None


def refused(name, code, call):
    def code_of():
        try:
            call()
        except sqs.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return "no error"

    check(name, code_of, lambda seen: seen == code)


def create(name, **more):
    return check(f"create_queue {name}", lambda: sqs.create_queue(QueueName=name, **more)["QueueUrl"])


work = create("work", Attributes={"VisibilityTimeout": "30"})
dead = create("dead")
fifo = create("order.fifo", Attributes={"FifoQueue": "true"})
arn = check(
    "get_queue_attributes",
    lambda: sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]["QueueArn"],
    lambda seen: seen.endswith(":dead"),
)
policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
check("set_queue_attributes", lambda: sqs.set_queue_attributes(QueueUrl=work, Attributes={"RedrivePolicy": policy}))

attributes = {
    "text": {"DataType": "String", "StringValue": "ü"},
    "number": {"DataType": "Number", "StringValue": "5"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
}
# boto3 itself compares the hash of the body.
check("send_message", lambda: sqs.send_message(QueueUrl=work, MessageBody="ü", MessageAttributes=attributes))
check(
    "send_message_batch",
    lambda: sqs.send_message_batch(QueueUrl=work, Entries=[{"Id": n, "MessageBody": n} for n in "ab"])["Successful"],
    lambda seen: len(seen) == 2,
)
taken = check(
    "receive_message",
    lambda: sqs.receive_message(
        QueueUrl=work, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )["Messages"],
    lambda seen: len(seen) == 3 and sum("MessageAttributes" in message for message in seen) == 1,
) or [{}, {}, {}]
first, second, third = [message.get("ReceiptHandle") for message in taken]
check(
    "change_message_visibility",
    lambda: sqs.change_message_visibility(QueueUrl=work, ReceiptHandle=first, VisibilityTimeout=60),
)
check("delete_message", lambda: sqs.delete_message(QueueUrl=work, ReceiptHandle=first))
check(
    "change_message_visibility_batch with a wrong handle",
    lambda: sqs.change_message_visibility_batch(
        QueueUrl=work,
        Entries=[
            {"Id": "a", "ReceiptHandle": second, "VisibilityTimeout": 0},
            {"Id": "b", "ReceiptHandle": "wrong", "VisibilityTimeout": 0},
        ],
    ),
    lambda seen: [len(seen["Successful"]), seen["Failed"][0]["Code"]] == [1, "ReceiptHandleIsInvalid"],
)

for n in range(3):
    message = {"MessageBody": f"{n}", "MessageGroupId": "g", "MessageDeduplicationId": f"{n}"}
    check(f"send_message {n} to a FIFO queue", lambda: sqs.send_message(QueueUrl=fifo, **message))
check(
    "receive_message of a FIFO queue",
    lambda: [message["Body"] for message in sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=2)["Messages"]],
    lambda seen: seen == ["0", "1"],
)

check("send_message to the DLQ", lambda: sqs.send_message(QueueUrl=dead, MessageBody="dead"))
check("start_message_move_task", lambda: sqs.start_message_move_task(SourceArn=arn)["TaskHandle"])

queue = boto3.resource("sqs", **ENDPOINT).get_queue_by_name(QueueName="dead")
check("Queue.send_message", lambda: queue.send_message(MessageBody="from a resource"))
check("Queue.attributes", lambda: queue.attributes["QueueArn"], lambda seen: seen == arn)

refused("a missing queue", "QueueDoesNotExist", lambda: sqs.get_queue_url(QueueName="missing"))
refused("a wrong handle", "ReceiptHandleIsInvalid", lambda: sqs.delete_message(QueueUrl=work, ReceiptHandle="wrong"))
refused("no group", "MissingParameter", lambda: sqs.send_message(QueueUrl=fifo, MessageBody="x"))
