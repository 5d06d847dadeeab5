"""The client of the service.

    with Client("http://localhost:8000", key=...) as triage:
        answer = triage.classify("my parcel is lost")
        print(answer.labels["intent"].label)

It needs the extra `client`: pip install -e '.[client]'
"""

from api.client.asynchronous import AsyncClient
from api.client.batches import AnyPost
from api.client.blocking import Client
from api.client.corrections import Correction
from api.client.errors import FieldFault, RefusedError, ServiceError, UnreachableError
from api.client.results import Answered, Failed, NotStored, Result, Stored
from api.feedback.schemas import ReviewPost, ReviewResponse

__all__ = [
    "Answered",
    "AnyPost",
    "AsyncClient",
    "Client",
    "Correction",
    "Failed",
    "FieldFault",
    "NotStored",
    "RefusedError",
    "Result",
    "ReviewPost",
    "ReviewResponse",
    "ServiceError",
    "Stored",
    "UnreachableError",
]
