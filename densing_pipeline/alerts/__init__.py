"""Tell a person what is wrong, once, and when it is mended; tell nobody while all is well.

What is wrong comes from elsewhere as a list of `Problem`s (`orchestration.problems`). `telling` sends each address what
it has not been told (`memory`) through apprise (`sending`), and asks `DENSING_HEARTBEAT_URL` after each night that
succeeded: a dead-man's-switch service there notices when nothing runs any more, which no message from here could say.
"""
