"""What the public clients of the Open Inference Protocol get: `python protocol_clients.py`.

It runs in the environment of requirements/peer-oip-clients.txt. stdin has the URLs, the token, the
model and a row; stdout what each client got from each URL.
"""

import asyncio
import inspect
import json
import sys

import kserve
import numpy as np
import tritonclient.http as triton

given = json.load(sys.stdin)
MODEL, ROW = given["model"], given["row"]
NAN = {**ROW, next(name for name, value in ROW.items() if isinstance(value, float)): float("nan")}
UNKNOWN = f"{MODEL}-of-nobody"


def headers() -> dict:  # the clients leave their own ones in a dict that they are given
    return {"Authorization": f"Bearer {given['token']}"}


def tensors(kind: type, row: dict, binary: bool, shape: tuple = (1,)) -> list:
    made = []
    for name, value in row.items():
        text = isinstance(value, str)
        one = kind(name, list(shape), "BYTES" if text else "FP64")
        values = np.full(shape, value, dtype=object if text else np.float64)
        one.set_data_from_numpy(values, binary_data=binary)
        made.append(one)
    return made


def lying(inputs: list) -> list:
    inputs[0]._parameters["binary_data_size"] += 800
    return inputs


async def refused(ask) -> str:
    """Return the error that a client raises."""
    try:
        answer = ask()
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    return "no error"


async def by_triton(url: str) -> dict:
    with triton.InferenceServerClient(url.removeprefix("http://")) as to:
        found = {
            "live": to.is_server_live(),
            "ready": to.is_server_ready(),
            "model": to.is_model_ready(MODEL, headers=headers()),
            "version": to.is_model_ready(MODEL, "champion", headers=headers()),
            "no version": to.is_model_ready(MODEL, "9", headers=headers()),
            "server": to.get_server_metadata(headers=headers())["extensions"],
            "metadata": to.get_model_metadata(MODEL, headers=headers()),
        }

        def infer(inputs: list, model: str = MODEL, **more):
            return to.infer(model, inputs, **{"headers": headers(), **more})

        for binary in (False, True):
            wanted = [
                triton.InferRequestedOutput(one["name"], binary_data=binary)
                for one in found["metadata"]["outputs"]
            ]
            inputs = tensors(triton.InferInput, ROW, binary)
            answer = infer(inputs, outputs=wanted, request_id="mine", model_version="champion")
            said = answer.get_response()
            found["binary" if binary else "json"] = [
                said["id"],
                {one.name(): answer.as_numpy(one.name()).tolist() for one in wanted},
            ]
        found["answered by"] = said["model_version"]  # the other client leaves it out
        whole = tensors(triton.InferInput, ROW, True)
        found["gap"] = infer(
            tensors(triton.InferInput, NAN, True), parameters={"missing": "nan"}
        ).get_response()["model_name"]
        found["errors"] = {
            "NaN": await refused(lambda: infer(tensors(triton.InferInput, NAN, True))),
            "shape": await refused(lambda: infer(tensors(triton.InferInput, ROW, True, (1, 2)))),
            "length": await refused(lambda: infer(lying(tensors(triton.InferInput, ROW, True)))),
            "column": await refused(lambda: infer(whole[1:])),
            "version": await refused(lambda: infer(whole, model_version="9")),
            "model": await refused(lambda: infer(whole, UNKNOWN)),
            "token": await refused(lambda: infer(whole, headers=None)),
        }
        return found


async def by_kserve(url: str) -> dict:
    to = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2", retries=1))

    async def infer(inputs: list, model: str = MODEL, token: bool = True):
        body = kserve.InferRequest(model_name=model, infer_inputs=inputs, request_id="mine")
        return await to.infer(url, body, model_name=model, headers=headers() if token else {})

    found = {
        "live": await to.is_server_live(url),
        "ready": await to.is_server_ready(url),
        "model": await to.is_model_ready(url, MODEL, headers=headers()),
        "version": await to.is_model_ready(url, f"{MODEL}/versions/champion", headers=headers()),
    }
    for binary in (False, True):
        answer = await infer(tensors(kserve.InferInput, ROW, binary), f"{MODEL}/versions/champion")
        found["binary" if binary else "json"] = [
            answer.id,
            {one.name: one.as_numpy().tolist() for one in answer.outputs},
        ]
    whole = tensors(kserve.InferInput, ROW, True)
    found["errors"] = {
        "NaN": await refused(lambda: infer(tensors(kserve.InferInput, NAN, True))),
        "shape": await refused(lambda: infer(tensors(kserve.InferInput, ROW, True, (1, 2)))),
        "length": await refused(lambda: infer(lying(tensors(kserve.InferInput, ROW, True)))),
        "column": await refused(lambda: infer(whole[1:])),
        "version": await refused(lambda: infer(whole, f"{MODEL}/versions/9")),
        "model": await refused(lambda: infer(whole, UNKNOWN)),
        "token": await refused(lambda: infer(whole, token=False)),
    }
    await to.close()
    return found


async def main() -> None:
    found = {"triton": {}, "kserve": {}}
    for url in given["urls"]:
        found["triton"][url] = await by_triton(url)
        found["kserve"][url] = await by_kserve(url)
    json.dump(found, sys.stdout, default=lambda one: one.decode())


asyncio.run(main())
