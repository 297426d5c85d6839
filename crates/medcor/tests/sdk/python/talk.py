"""Talks to MedCor with the official Python SDK, as one JSON argument says; prints what it saw.

{"transport": "http", "url", "token"} or {"transport": "stdio", "command", "arguments"};
"mode": "legacy" or "auto"; "tool" and "tool_arguments" to call; "failing" is called and must be refused.
"""

import asyncio
import json
import sys

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


def transport(plan: dict):
    if plan["transport"] == "stdio":
        return stdio_client(StdioServerParameters(command=plan["command"], args=plan["arguments"]))
    headers = {"Authorization": f"Bearer {plan['token']}"}
    client = httpx2.AsyncClient(headers=headers, timeout=30)
    return streamable_http_client(plan["url"], http_client=client)


async def talk(plan: dict) -> dict:
    seen: dict = {}
    async with Client(transport(plan), mode=plan["mode"]) as client:
        seen["server"] = client.server_info.name if client.server_info else None
        seen["version"] = client.protocol_version
        seen["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        await client.list_resources()
        await client.list_resource_templates()
        seen["prompts"] = [prompt.name for prompt in (await client.list_prompts()).prompts]
        if plan.get("tool"):
            result = await client.call_tool(plan["tool"], plan["tool_arguments"])
            seen["called"] = {"is_error": bool(result.is_error), "structure": result.structured_content}
        if plan.get("failing"):
            result = await client.call_tool(plan["failing"], {})
            seen["refused"] = {"is_error": bool(result.is_error), "text": result.content[0].text}
    return seen


print(json.dumps(asyncio.run(talk(json.loads(sys.argv[1])))))
