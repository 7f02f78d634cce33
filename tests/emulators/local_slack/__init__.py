"""A Slack made by others: local-slack 0.1.8 (npm `local-slack-linux-x64`, MIT, github.com/parvalabs/local-slack).

`install.py` fetches it, `server.py` runs it on loopback, `world.py` is the people, `fixtures.py` the fixture. It is a second
opinion beside our own emulator: nobody here could bend it to what Reelbot happens to do. What follows was tried with 0.1.8
(and read in its code), and is held by `test_local_slack.py` where a test could come to rely on it.

What it does
    Web API     auth.test, team.info, bots.info, users.info/list/lookupByEmail/conversations, apps.connections.open,
                chat.postMessage/update/delete/postEphemeral/meMessage/getPermalink,
                conversations.open/info/list/history/replies/members/create, reactions.add/remove,
                views.open/push/update/publish, emoji.list,
                files.getUploadURLExternal, the upload, files.completeUploadExternal (thread_ts, initial_comment, blocks),
                files.info (with shares), files.list, files.delete (the bot's own; it leaves a tombstone in the message)
    Events      over Socket Mode, or as signed POSTs (X-Slack-Signature v0) that bolt verifies: message (file_share,
                message_changed, message_deleted, im), app_mention (with files), file_shared, reaction_added/removed,
                app_home_opened; only in channels where the bot is a member
    Actions     slash commands, block_actions of messages, view_submission (errors, update, push, clear), view_closed,
                response_url (post, replace_original, delete_original)
    Files       url_private and url_private_download with the bot's token, ranges too; 403 with any other or none

What it does not do
    Methods     oauth.v2.access, auth.revoke, chat.startStream, assistant.*, conversations.join, reactions.get and all else:
                `unknown_method`; HTTP 429, 5xx and slow answers: never (the own emulator has those)
    Delivery    never again what was not acknowledged, no `x-slack-retry-*`; Socket Mode sends *every* envelope to *every*
                connection (Slack: to one of them), drops it when there is none, and never asks for a reconnect; after an
                ack that does not come it goes on by itself after 5 s
    Actions     no shortcuts (neither message nor global), no options requests, no presses on a home tab or in a form
    Uploads     whole files in memory: 900 MB for one of 300 MB, so keep clips small

Where it is more lenient than Slack, so that a test must not rely on it
    tokens      any token, or none, is the app's (but not for files); no scopes, no `x-oauth-scopes` header
    places      the bot posts and uploads where it is no member (`is_member` is always true), into user ids, under any
                `thread_ts`, whatever the text's length and the blocks; it edits and deletes other people's messages
    uploads     shared at once, never later; completing twice posts twice; any `length`; `alt_txt` does no harm
    forms       one stack for everybody; a trigger id lives 30 min and may be used often; views.update and response_action
                update give the form a new id; blocks get no block_id where the app gave none
    the rest    `metadata` and `client_msg_id` are dropped; notes for one person stand in the history (`subtype: ephemeral`);
                already_reacted, no_reaction and not_in_channel are never said; nobody is an admin or a guest, and a user has
                no locale; a mention inside a direct message is an app_mention too; response_url answers are public unless
                they say `ephemeral`, and never in a thread
    delivery    all subscriptions are on: one post with a mention and a file is message, app_mention and file_shared
"""
