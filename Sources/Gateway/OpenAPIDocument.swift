// swift-format-ignore-file
// Written by scripts/generate-openapi from openapi/aviary.yaml: change that.

/// The machine-readable form of the contract.
enum OpenAPIDocument {
    static let json = Array(text.utf8)

    private static let text = ##"""
{
 "openapi": "3.1.0",
 "info": {
  "title": "Aviary",
  "version": "0.1.0",
  "summary": "ZooKeeper you can curl.",
  "description": "The part of the HTTP contract that this version has. What is not listed here answers\n501 `unimplemented` with nothing applied, also when only a header or parameter of it is used.\n\nAny node of the ensemble answers any request. A zxid is 16 lower-case hex digits; input also\ntakes `0x100000007`. Times are milliseconds since 1970. Durations on input are `30s`, `500ms`,\n`5m`, `2h`, `7d` or a number of seconds. Unknown and repeated parameters are refused.\n\nA read that waits (`Prefer: wait=30` or `?wait=30s`, at most `http.wait.max`) is held until\nthere is something else to answer than the client has, and answered as if it had come just then.\nThe answer says `Preference-Applied`, and no cache keeps it. Without a wait, or without a\ncondition that could be waited for, every request is answered at once.\n",
  "license": {
   "name": "Apache-2.0",
   "identifier": "Apache-2.0"
  }
 },
 "servers": [
  {
   "url": "http://127.0.0.1:7181"
  }
 ],
 "security": [
  {},
  {
   "digest": []
  },
  {
   "admin": []
  }
 ],
 "tags": [
  {
   "name": "data",
   "description": "Znodes, their children and their access control lists."
  },
  {
   "name": "events",
   "description": "What happened, from a cursor on, and who waits for it."
  },
  {
   "name": "history",
   "description": "What was, and how to get back there."
  },
  {
   "name": "sessions",
   "description": "What ephemeral znodes live by."
  },
  {
   "name": "recipes",
   "description": "Locks and elections: plain znodes in the layout of kazoo (`Lock`, `WriteLock`, `ReadLock` and\n`Election` of 2.11.0), so that its clients take part. kazoo's plain `Lock` does not see who\nshares: beside shared holders use its `WriteLock`.\n"
  },
  {
   "name": "cluster",
   "description": "The ensemble, this node, health and metrics."
  },
  {
   "name": "backup",
   "description": "Snapshots of a node, and the state of a whole ensemble from one of them."
  },
  {
   "name": "recovery",
   "description": "What a node has repaired, what it asks a person, and what it has set aside."
  }
 ],
 "paths": {
  "/v1/znodes/{path}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "data"
    ],
    "operationId": "readZnode",
    "summary": "A znode's value and stat.",
    "description": "JSON unless `raw` or `Accept: application/octet-stream` asks for the bytes alone, which come\nwith the stat in headers `Aviary-Stat-*`.\n\nWith a wait and `If-None-Match`: held until the tag is another, or 304 when the wait ends; a\nznode that is missing, or is deleted meanwhile, is 404 at once. With a wait and `until`:\nheld until the znode exists or is gone, then the answer of that moment, 200 or 404.\n\nWith `at`: the znode as it was, its stat included, for whom both the access control list of\nthat moment and, where the znode is still there, of now let read; 404 if it did not exist.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/raw"
     },
     {
      "$ref": "#/components/parameters/encoding"
     },
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     },
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     },
     {
      "$ref": "#/components/parameters/until"
     },
     {
      "$ref": "#/components/parameters/at"
     }
    ],
    "responses": {
     "200": {
      "description": "The znode.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Znode"
        }
       },
       "application/octet-stream": {
        "schema": {
         "type": "string",
         "format": "binary"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "307": {
      "description": "Another node reaches back to that moment, this one does not.",
      "headers": {
       "Location": {
        "schema": {
         "type": "string",
         "format": "uri"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "head": {
    "tags": [
     "data"
    ],
    "operationId": "readZnodeHead",
    "summary": "As GET, with the stat in headers and no body.",
    "parameters": [
     {
      "$ref": "#/components/parameters/raw"
     },
     {
      "$ref": "#/components/parameters/encoding"
     },
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     },
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     },
     {
      "$ref": "#/components/parameters/until"
     },
     {
      "$ref": "#/components/parameters/at"
     }
    ],
    "responses": {
     "200": {
      "description": "The znode is there.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       },
       "Aviary-Stat-Version": {
        "schema": {
         "type": "integer",
         "format": "int32"
        }
       },
       "Aviary-Stat-Czxid": {
        "schema": {
         "$ref": "#/components/schemas/Zxid"
        }
       },
       "Aviary-Stat-Mzxid": {
        "schema": {
         "$ref": "#/components/schemas/Zxid"
        }
       },
       "Aviary-Stat-Pzxid": {
        "schema": {
         "$ref": "#/components/schemas/Zxid"
        }
       },
       "Aviary-Stat-Ctime": {
        "schema": {
         "type": "integer",
         "format": "int64"
        }
       },
       "Aviary-Stat-Mtime": {
        "schema": {
         "type": "integer",
         "format": "int64"
        }
       },
       "Aviary-Stat-Cversion": {
        "schema": {
         "type": "integer",
         "format": "int32"
        }
       },
       "Aviary-Stat-Aversion": {
        "schema": {
         "type": "integer",
         "format": "int32"
        }
       },
       "Aviary-Stat-Ephemeral-Owner": {
        "schema": {
         "$ref": "#/components/schemas/SessionID"
        }
       },
       "Aviary-Stat-Data-Length": {
        "schema": {
         "type": "integer",
         "format": "int32"
        }
       },
       "Aviary-Stat-Num-Children": {
        "schema": {
         "type": "integer",
         "format": "int32"
        }
       },
       "Aviary-Stat-Mode": {
        "schema": {
         "$ref": "#/components/schemas/Mode"
        }
       },
       "Aviary-Stat-Ttl-Ms": {
        "schema": {
         "type": "integer",
         "format": "int64"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "307": {
      "description": "Another node reaches back to that moment, this one does not.",
      "headers": {
       "Location": {
        "schema": {
         "type": "string",
         "format": "uri"
        }
       }
      }
     },
     "404": {
      "description": "There is no such znode."
     },
     "410": {
      "description": "The session is over, or the history does not reach back."
     },
     "412": {
      "description": "The tag is not current."
     },
     "429": {
      "description": "As many requests wait as may."
     },
     "503": {
      "description": "Nothing can be served now."
     }
    }
   },
   "put": {
    "tags": [
     "data"
    ],
    "operationId": "putZnode",
    "summary": "Create or replace a znode.",
    "description": "The body is the value, whatever its type; only `application/vnd.aviary.znode+json` is an\nenvelope. `mode`, `ttl` and `acl` apply to a creation: another mode on an existing znode is\n409 `mode-mismatch`, an ACL or TTL on one is 400.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/parents"
     },
     {
      "$ref": "#/components/parameters/mode"
     },
     {
      "$ref": "#/components/parameters/ttl"
     },
     {
      "$ref": "#/components/parameters/version"
     },
     {
      "$ref": "#/components/parameters/ifMatch"
     },
     {
      "$ref": "#/components/parameters/createOnly"
     },
     {
      "$ref": "#/components/parameters/fence"
     }
    ],
    "requestBody": {
     "$ref": "#/components/requestBodies/Value"
    },
    "responses": {
     "200": {
      "$ref": "#/components/responses/Written"
     },
     "201": {
      "$ref": "#/components/responses/Created"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/PreconditionFailed"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "post": {
    "tags": [
     "data"
    ],
    "operationId": "createChild",
    "summary": "Create a child, with a number in its name if wanted.",
    "parameters": [
     {
      "name": "name",
      "in": "query",
      "required": true,
      "description": "The child's name, or what comes before the ten digits.",
      "schema": {
       "type": "string",
       "minLength": 1
      }
     },
     {
      "name": "sequential",
      "in": "query",
      "description": "Whether the parent's counter is appended as ten digits.",
      "schema": {
       "$ref": "#/components/schemas/Flag"
      }
     },
     {
      "$ref": "#/components/parameters/parents"
     },
     {
      "$ref": "#/components/parameters/mode"
     },
     {
      "$ref": "#/components/parameters/ttl"
     },
     {
      "$ref": "#/components/parameters/fence"
     }
    ],
    "requestBody": {
     "$ref": "#/components/requestBodies/Value"
    },
    "responses": {
     "201": {
      "$ref": "#/components/responses/Created"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "delete": {
    "tags": [
     "data"
    ],
    "operationId": "deleteZnode",
    "summary": "Delete a znode, or a subtree.",
    "parameters": [
     {
      "name": "recursive",
      "in": "query",
      "description": "Whether everything below goes with it, in one transaction.",
      "schema": {
       "$ref": "#/components/schemas/Flag"
      }
     },
     {
      "name": "atomic",
      "in": "query",
      "description": "With `recursive`: `false` deletes children first in several transactions, and takes no\ncondition.\n",
      "schema": {
       "$ref": "#/components/schemas/Flag",
       "default": "true"
      }
     },
     {
      "$ref": "#/components/parameters/version"
     },
     {
      "$ref": "#/components/parameters/ifMatch"
     },
     {
      "$ref": "#/components/parameters/fence"
     }
    ],
    "responses": {
     "204": {
      "description": "It is gone.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/PreconditionFailed"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/children/{path}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "data"
    ],
    "operationId": "readChildren",
    "summary": "Names of children, in the order of their bytes.",
    "description": "With a wait and `If-None-Match`: held until the tag is another. `include` has no tag, and\ntakes no wait.\n\nWith `at`: the children that there were, with `include` as they were. A child's data are\nfor whom both its list of that moment and, where it is still there, of now let read.\n",
    "parameters": [
     {
      "name": "limit",
      "in": "query",
      "schema": {
       "type": "integer",
       "minimum": 1,
       "maximum": 10000,
       "default": 1000
      }
     },
     {
      "name": "cursor",
      "in": "query",
      "description": "The `next` of the page before.",
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "include",
      "in": "query",
      "description": "`stat`, `data` or both, with a comma: each child is an object then.",
      "schema": {
       "type": "string",
       "examples": [
        "stat,data"
       ]
      }
     },
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     },
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     },
     {
      "$ref": "#/components/parameters/at"
     }
    ],
    "responses": {
     "200": {
      "description": "A page of children.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Children"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "307": {
      "description": "Another node reaches back to that moment, this one does not.",
      "headers": {
       "Location": {
        "schema": {
         "type": "string",
         "format": "uri"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   }
  },
  "/v1/acl/{path}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "data"
    ],
    "operationId": "readACL",
    "summary": "A znode's access control list.",
    "description": "Needs `read` or `admin`. Without `admin` the digests of passwords are not shown. With a wait\nand `If-None-Match`: held until the tag is another.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     },
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     }
    ],
    "responses": {
     "200": {
      "description": "The list.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/ACL"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "put": {
    "tags": [
     "data"
    ],
    "operationId": "putACL",
    "summary": "Replace a znode's access control list.",
    "parameters": [
     {
      "name": "version",
      "in": "query",
      "description": "The `aversion` that it must have; -1 for any.",
      "schema": {
       "type": "integer",
       "format": "int32"
      }
     },
     {
      "$ref": "#/components/parameters/ifMatch"
     }
    ],
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "$ref": "#/components/schemas/ACL"
       }
      }
     }
    },
    "responses": {
     "200": {
      "$ref": "#/components/responses/Written"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/PreconditionFailed"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/transactions": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "post": {
    "tags": [
     "data"
    ],
    "operationId": "transact",
    "summary": "Several writes, all or nothing.",
    "parameters": [
     {
      "$ref": "#/components/parameters/fence"
     }
    ],
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "required": [
         "operations"
        ],
        "additionalProperties": false,
        "properties": {
         "operations": {
          "type": "array",
          "minItems": 1,
          "items": {
           "$ref": "#/components/schemas/TransactionOperation"
          }
         }
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "Everything was applied.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Aviary-Condition": {
        "$ref": "#/components/headers/condition"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "zxid",
          "results"
         ],
         "properties": {
          "zxid": {
           "$ref": "#/components/schemas/Zxid"
          },
          "results": {
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/TransactionResult"
           }
          }
         }
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/TransactionProblem"
     },
     "401": {
      "$ref": "#/components/responses/TransactionProblem"
     },
     "403": {
      "$ref": "#/components/responses/TransactionProblem"
     },
     "404": {
      "$ref": "#/components/responses/TransactionProblem"
     },
     "409": {
      "$ref": "#/components/responses/TransactionProblem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/TransactionProblem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/reads": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "post": {
    "tags": [
     "data"
    ],
    "operationId": "readSeveral",
    "summary": "Several reads of one state.",
    "parameters": [
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     }
    ],
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "required": [
         "operations"
        ],
        "additionalProperties": false,
        "properties": {
         "operations": {
          "type": "array",
          "minItems": 1,
          "maxItems": 10000,
          "items": {
           "type": "object",
           "required": [
            "op",
            "path"
           ],
           "additionalProperties": false,
           "properties": {
            "op": {
             "enum": [
              "get",
              "children"
             ]
            },
            "path": {
             "$ref": "#/components/schemas/Path"
            }
           }
          }
         }
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "One result an operation, with a status of its own.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "zxid",
          "results"
         ],
         "properties": {
          "zxid": {
           "$ref": "#/components/schemas/Zxid"
          },
          "results": {
           "type": "array",
           "items": {
            "type": "object",
            "required": [
             "status",
             "path"
            ],
            "properties": {
             "status": {
              "type": "integer"
             },
             "path": {
              "$ref": "#/components/schemas/Path"
             },
             "code": {
              "type": "string"
             }
            },
            "additionalProperties": true
           }
          }
         }
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   }
  },
  "/v1/events": {
   "get": {
    "tags": [
     "events"
    ],
    "operationId": "readEvents",
    "summary": "What happened to znodes, from a cursor on.",
    "description": "In the order of zxids, without a hole or a repetition along one cursor, on any node. Read\npermission is checked for every event: under the access control list of that moment, and of\nnow where the znode is still there. `/aviary` and `/zookeeper` are left out of scopes above\nthem.\n\nJSON, unless `Accept` says otherwise: answered at once, or with a wait held until there is\nan event. A wait that ends is 200 without events and with an advanced `next`. A transaction\nis never parted: rather there are more events than `limit`.\n\n`text/event-stream`: Server-Sent Events, for as long as the client stays. First `bookmark`\nwith the cursor it starts from; then each event as its type, with its cursor as `id`; a\ncomment or `bookmark` after 15 s without any; `reset` with the current cursor when the\nclient's is of no use, which is to say: read the state, events go on from here; `bye` when\nthe node stops. The stream opens without a quorum too.\n\n`application/x-ndjson`: an event a line with its `cursor`; the last line says why it ends.\nIt ends when it has caught up, or with a wait when that is over.\n",
    "parameters": [
     {
      "name": "path",
      "in": "query",
      "required": true,
      "description": "Up to 1,000 of them, which need not exist.",
      "style": "form",
      "explode": true,
      "schema": {
       "type": "array",
       "minItems": 1,
       "maxItems": 1000,
       "items": {
        "$ref": "#/components/schemas/Path"
       }
      }
     },
     {
      "name": "scope",
      "in": "query",
      "description": "The paths themselves, their direct children, or themselves and all below.\n",
      "schema": {
       "enum": [
        "node",
        "children",
        "subtree"
       ],
       "default": "node"
      }
     },
     {
      "name": "types",
      "in": "query",
      "description": "All by default, `children` only with `scope=node`.",
      "style": "form",
      "explode": false,
      "schema": {
       "type": "array",
       "minItems": 1,
       "items": {
        "$ref": "#/components/schemas/EventType"
       }
      }
     },
     {
      "name": "since",
      "in": "query",
      "description": "Exclusive: a cursor; a zxid, which means after that whole transaction; `now`; or\n`oldest`. A cursor that this node has not reached yet is waited for.\n",
      "schema": {
       "type": "string",
       "default": "now"
      }
     },
     {
      "name": "limit",
      "in": "query",
      "description": "Of the JSON form.",
      "schema": {
       "type": "integer",
       "minimum": 1,
       "maximum": 10000,
       "default": 500
      }
     },
     {
      "name": "include",
      "in": "query",
      "description": "Whether `created` and `changed` come with what was written.",
      "schema": {
       "const": "value"
      }
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     },
     {
      "name": "Last-Event-ID",
      "in": "header",
      "description": "Of Server-Sent Events; wins over `since`. A browser sends it by itself.",
      "schema": {
       "type": "string"
      }
     },
     {
      "$ref": "#/components/parameters/requestID"
     },
     {
      "$ref": "#/components/parameters/session"
     }
    ],
    "responses": {
     "200": {
      "description": "Events, or none.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Events"
        }
       },
       "text/event-stream": {
        "schema": {
         "type": "string",
         "description": "The data of a message is an `Event`, or an object with a `cursor` for `bookmark`,\n`reset` and `bye`.\n"
        }
       },
       "application/x-ndjson": {
        "schema": {
         "type": "string",
         "description": "A line is an `EventLine`."
        }
       }
      }
     },
     "307": {
      "description": "Another node reaches back to the cursor, this one does not. A stream sends `reset`\ninstead, since a page may not follow to another origin.\n",
      "headers": {
       "Location": {
        "schema": {
         "type": "string",
         "format": "uri"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "description": "`cursor-expired`, with what this node has, when no node reaches back that far;\n`cursor-diverged` for a cursor of another ensemble or of a discarded branch;\n`session-expired`.\n",
      "content": {
       "application/problem+json": {
        "schema": {
         "allOf": [
          {
           "$ref": "#/components/schemas/Problem"
          },
          {
           "properties": {
            "oldest": {
             "$ref": "#/components/schemas/Cursor"
            },
            "current": {
             "$ref": "#/components/schemas/Cursor"
            }
           }
          }
         ]
        }
       }
      }
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   }
  },
  "/v1/history": {
   "get": {
    "tags": [
     "history"
    ],
    "operationId": "readHistory",
    "summary": "The transactions that touched a path, the newest first, for administrators.",
    "description": "A line for each znode that a transaction changed. `/aviary` and `/zookeeper` are left out of\nscopes above them.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "parameters": [
     {
      "name": "path",
      "in": "query",
      "required": true,
      "description": "Need not exist.",
      "schema": {
       "$ref": "#/components/schemas/Path"
      }
     },
     {
      "name": "scope",
      "in": "query",
      "description": "The path itself, its direct children, or itself and all below.",
      "schema": {
       "enum": [
        "node",
        "children",
        "subtree"
       ],
       "default": "node"
      }
     },
     {
      "name": "since",
      "in": "query",
      "description": "Exclusive: a cursor, a zxid or a time. Without it, as far back as this node reaches.\n",
      "schema": {
       "type": "string"
      }
     },
     {
      "name": "limit",
      "in": "query",
      "description": "Exceeded rather than parting a transaction.",
      "schema": {
       "type": "integer",
       "minimum": 1,
       "maximum": 10000,
       "default": 500
      }
     },
     {
      "name": "cursor",
      "in": "query",
      "description": "The `next` of the page before.",
      "schema": {
       "$ref": "#/components/schemas/Cursor"
      }
     },
     {
      "$ref": "#/components/parameters/requestID"
     },
     {
      "$ref": "#/components/parameters/session"
     }
    ],
    "responses": {
     "200": {
      "description": "A page.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "transactions",
          "next"
         ],
         "properties": {
          "transactions": {
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/HistoryLine"
           }
          },
          "next": {
           "description": "Null behind the last page.",
           "oneOf": [
            {
             "$ref": "#/components/schemas/Cursor"
            },
            {
             "type": "null"
            }
           ]
          }
         }
        }
       }
      }
     },
     "307": {
      "description": "Another node reaches back to `since`, this one does not.",
      "headers": {
       "Location": {
        "schema": {
         "type": "string",
         "format": "uri"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/HistoryGone"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   }
  },
  "/v1/rollbacks": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "post": {
    "tags": [
     "history"
    ],
    "operationId": "rollBack",
    "summary": "Makes a subtree what it was, in one transaction, for administrators.",
    "description": "Existence, data and mode of the znodes at and below `path`, by an ordinary transaction with\na zxid of its own; history stays as it is. Ephemerals belong to their sessions: none is\ncreated, and live ones stay, with what is above them. A znode whose mode differs is deleted\nand created again, with everything below it; one that was deleted and created again since,\nand is what it was, is left alone. `/aviary` and `/zookeeper` are left out.\n\nFirst a dry run, whose answer is the difference and whose `ETag` names it; then the same\nwith `If-Match`. The transaction is applied only if the difference is still that one: the\nleader checks that nothing in the subtree has changed since it was compared.\n\nACLs of znodes that exist are left alone, unless `restoreAcl` is set: then they are set\nfirst, one by one, since a transaction cannot hold them. If something else changes\nmeanwhile, the answer is a problem with `outcome` `applied`.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "parameters": [
     {
      "name": "If-Match",
      "in": "header",
      "description": "The `ETag` of a dry run. Required unless this is one.",
      "schema": {
       "type": "string"
      }
     }
    ],
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "required": [
         "to",
         "path"
        ],
        "additionalProperties": false,
        "properties": {
         "to": {
          "description": "The moment.",
          "oneOf": [
           {
            "$ref": "#/components/schemas/Zxid"
           },
           {
            "type": "integer",
            "format": "int64",
            "minimum": 0
           }
          ]
         },
         "path": {
          "$ref": "#/components/schemas/Path"
         },
         "dryRun": {
          "type": "boolean",
          "default": false
         },
         "restoreAcl": {
          "type": "boolean",
          "default": false
         },
         "limit": {
          "description": "How many znodes of each kind a dry run lists.",
          "type": "integer",
          "minimum": 1,
          "maximum": 10000,
          "default": 1000
         }
        }
       }
      }
     }
    },
    "responses": {
     "200": {
      "description": "The difference, or what was applied.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "oneOf": [
          {
           "$ref": "#/components/schemas/Difference"
          },
          {
           "$ref": "#/components/schemas/Rollback"
          }
         ]
        }
       }
      }
     },
     "307": {
      "description": "Another node reaches back to that moment, this one does not.",
      "headers": {
       "Location": {
        "schema": {
         "type": "string",
         "format": "uri"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/HistoryGone"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "428": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/watchers": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "events"
    ],
    "operationId": "listWatchers",
    "summary": "Who waits on this node for what, for administrators.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "200": {
      "description": "Requests that are held, and streams.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "watchers"
         ],
         "properties": {
          "watchers": {
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/Watcher"
           }
          }
         }
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/recovery": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "recovery"
    ],
    "operationId": "getRecovery",
    "summary": "How this node stands with the ensemble, for administrators; also without a quorum.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "200": {
      "description": "The state, and the digest of the report if a person has to decide.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/RecoveryStatus"
        }
       }
      }
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/recovery/report": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "recovery"
    ],
    "operationId": "getRecoveryReport",
    "summary": "What this node would lose if it took over the quorum's state, while it is held; what it knows of the others, while it is stranded.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "parameters": [
     {
      "name": "limit",
      "in": "query",
      "schema": {
       "type": "integer",
       "minimum": 1,
       "maximum": 10000,
       "default": 1000
      }
     },
     {
      "name": "cursor",
      "in": "query",
      "description": "The `next` of the page before.",
      "schema": {
       "type": "string"
      }
     }
    ],
    "responses": {
     "200": {
      "description": "A page of the report.",
      "headers": {
       "ETag": {
        "description": "The digest of the whole report, which a flag has to name.",
        "schema": {
         "type": "string"
        }
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "oneOf": [
          {
           "$ref": "#/components/schemas/RecoveryReport"
          },
          {
           "$ref": "#/components/schemas/StrandedReport"
          }
         ]
        }
       }
      }
     },
     "304": {
      "description": "The report is still the one that `If-None-Match` names."
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/recovery/flag": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "put": {
    "tags": [
     "recovery"
    ],
    "operationId": "raiseRecoveryFlag",
    "summary": "Decides for a held node (`adopt-quorum`): what it has is set aside, and it takes over the quorum's state. Or for a stranded one (`adopt-local`): the members that are not dead go on with what they have. Good once, for the report that `If-Match` names.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "parameters": [
     {
      "name": "If-Match",
      "in": "header",
      "required": true,
      "description": "The `ETag` of the report.",
      "schema": {
       "type": "string"
      }
     }
    ],
    "requestBody": {
     "required": true,
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "required": [
         "action"
        ],
        "additionalProperties": false,
        "properties": {
         "action": {
          "type": "string",
          "enum": [
           "adopt-quorum",
           "adopt-local"
          ]
         },
         "dead": {
          "description": "With `adopt-local`: the members that are dead for good. Every other one has to be there and takes part.",
          "type": "array",
          "items": {
           "type": "integer"
          }
         },
         "reason": {
          "type": "string",
          "description": "For the audit."
         }
        }
       }
      }
     }
    },
    "responses": {
     "202": {
      "description": "The node starts anew and obeys.",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/RecoveryOrder"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "428": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "delete": {
    "tags": [
     "recovery"
    ],
    "operationId": "lowerRecoveryFlag",
    "summary": "Disarms a flag that lies as a file and was not seen yet.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "204": {
      "description": "There is none."
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/recovery/detached": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "recovery"
    ],
    "operationId": "listDetached",
    "summary": "What repairs have set aside. It is never deleted by itself.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "200": {
      "description": "The oldest first.",
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "detached"
         ],
         "properties": {
          "detached": {
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/Detached"
           }
          }
         }
        }
       }
      }
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/recovery/detached/{id}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/detachedID"
    }
   ],
   "delete": {
    "tags": [
     "recovery"
    ],
    "operationId": "deleteDetached",
    "summary": "Deletes for good what was set aside.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "204": {
      "description": "It is gone."
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/recovery/detached/{id}/restore": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/detachedID"
    }
   ],
   "post": {
    "tags": [
     "recovery"
    ],
    "operationId": "restoreDetached",
    "summary": "Puts a state that was set aside back in its place; the present one is set aside instead. The node counts for nothing until a leader has brought it in line.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "202": {
      "description": "The node starts anew and obeys.",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/RecoveryOrder"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/sessions": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "sessions"
    ],
    "operationId": "listSessions",
    "summary": "All sessions, for administrators.",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "200": {
      "description": "The sessions, the nodes' own among them.",
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "sessions"
         ],
         "properties": {
          "sessions": {
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/Session"
           }
          }
         }
        }
       }
      }
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "post": {
    "tags": [
     "sessions"
    ],
    "operationId": "openSession",
    "summary": "Open a session.",
    "requestBody": {
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
         "timeout": {
          "description": "Clipped to the ensemble's bounds; their upper one by default.",
          "$ref": "#/components/schemas/Duration"
         }
        }
       }
      }
     }
    },
    "responses": {
     "201": {
      "description": "The session, with what was granted.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/location"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "id",
          "token",
          "timeoutMs"
         ],
         "properties": {
          "id": {
           "$ref": "#/components/schemas/SessionID"
          },
          "token": {
           "type": "string",
           "description": "Goes into `Aviary-Session`, on any node."
          },
          "timeoutMs": {
           "type": "integer",
           "format": "int32"
          }
         }
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/sessions/{id}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/sessionID"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "sessions"
    ],
    "operationId": "readSession",
    "summary": "A session and its ephemerals, for its owner and administrators.",
    "responses": {
     "200": {
      "description": "The session.",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Session"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "delete": {
    "tags": [
     "sessions"
    ],
    "operationId": "closeSession",
    "summary": "Close a session; its ephemerals go in one transaction.",
    "responses": {
     "204": {
      "description": "It is closed.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/sessions/{id}/keepalive": {
   "parameters": [
    {
     "$ref": "#/components/parameters/sessionID"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "post": {
    "tags": [
     "sessions"
    ],
    "operationId": "keepSessionAlive",
    "summary": "Renew a session, confirmed by the leader.",
    "responses": {
     "200": {
      "description": "It lives.",
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "id",
          "timeoutMs"
         ],
         "properties": {
          "id": {
           "$ref": "#/components/schemas/SessionID"
          },
          "timeoutMs": {
           "type": "integer",
           "format": "int32"
          }
         }
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   }
  },
  "/v1/locks/{path}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "recipes"
    ],
    "operationId": "readLock",
    "summary": "Who holds a lock, and who waits for it.",
    "description": "With a wait and `If-None-Match`: held until the tag is another. 404 until somebody has asked\nfor the lock.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     },
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     }
    ],
    "responses": {
     "200": {
      "description": "Holders, and the queue in its order.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Lock"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "post": {
    "tags": [
     "recipes"
    ],
    "operationId": "acquireLock",
    "summary": "Take a lock, or a place in its queue.",
    "description": "For the session of `Aviary-Session`, whose end ends it. Held at once or within the wait:\n201. Otherwise 202, and the place in the queue is kept: the same request again, to any node,\nfinds it. A client that is gone before its answer loses the place that it had just taken.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     }
    ],
    "requestBody": {
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
         "mode": {
          "$ref": "#/components/schemas/LockMode",
          "default": "exclusive"
         },
         "queue": {
          "description": "`false`: 409 `held` instead of a place in the queue.",
          "type": "boolean",
          "default": true
         },
         "value": {
          "description": "For those who look at the queue; kazoo's `contenders()` shows it.",
          "type": "string",
          "default": ""
         }
        }
       }
      }
     }
    },
    "responses": {
     "201": {
      "description": "The session holds the lock.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/entryLocation"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Entry"
        }
       }
      }
     },
     "202": {
      "description": "Others hold it or come first.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/entryLocation"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "allOf": [
          {
           "$ref": "#/components/schemas/Entry"
          },
          {
           "required": [
            "position"
           ]
          }
         ]
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/locks/{path}/{token}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/entryToken"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "recipes"
    ],
    "operationId": "readLockEntry",
    "summary": "Where an entry stands.",
    "responses": {
     "200": {
      "description": "Without a position it holds, or leads.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Entry"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "delete": {
    "tags": [
     "recipes"
    ],
    "operationId": "releaseLock",
    "summary": "Release a lock, or leave its queue.",
    "description": "With the session of the entry, or as an administrator.",
    "responses": {
     "204": {
      "description": "The entry is gone.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/elections/{path}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "recipes"
    ],
    "operationId": "readElection",
    "summary": "Who leads, and who would.",
    "description": "With a wait and `If-None-Match`: held until the tag is another. 404 until somebody has stood\nfor the election.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/consistency"
     },
     {
      "$ref": "#/components/parameters/minZxid"
     },
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     }
    ],
    "responses": {
     "200": {
      "description": "The leader, and the candidates in their order.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Election"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "post": {
    "tags": [
     "recipes"
    ],
    "operationId": "stand",
    "summary": "Stand for an election.",
    "description": "For the session of `Aviary-Session`, whose end ends it. Elected at once or within the wait:\n201. Otherwise 202, and the candidature goes on: the same request again, to any node, finds\nit. A client that is gone before its answer is no candidate any more.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     }
    ],
    "requestBody": {
     "content": {
      "application/json": {
       "schema": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
         "value": {
          "description": "What others read of the candidate, such as its address.",
          "type": "string",
          "default": ""
         }
        }
       }
      }
     }
    },
    "responses": {
     "201": {
      "description": "The session leads.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/entryLocation"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Entry"
        }
       }
      }
     },
     "202": {
      "description": "Somebody else leads.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/entryLocation"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "allOf": [
          {
           "$ref": "#/components/schemas/Entry"
          },
          {
           "required": [
            "position"
           ]
          }
         ]
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "415": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/elections/{path}/{token}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/path"
    },
    {
     "$ref": "#/components/parameters/entryToken"
    },
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "$ref": "#/components/parameters/session"
    }
   ],
   "get": {
    "tags": [
     "recipes"
    ],
    "operationId": "readCandidacy",
    "summary": "Where an entry stands.",
    "responses": {
     "200": {
      "description": "Without a position it holds, or leads.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Entry"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     }
    }
   },
   "delete": {
    "tags": [
     "recipes"
    ],
    "operationId": "resign",
    "summary": "Resign, or withdraw.",
    "description": "With the session of the entry, or as an administrator.",
    "responses": {
     "204": {
      "description": "The entry is gone.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "410": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/cluster": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "readCluster",
    "summary": "The ensemble as this node knows it, also without a quorum.",
    "description": "The weak tag leaves out zxids, lags and times. With a wait and `If-None-Match`: held until\nthe tag is another. `Accept: text/event-stream`: a message `cluster` with the whole object\nat once, whenever the tag changes, and otherwise once a second; `bye` when the node stops.\n",
    "parameters": [
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     },
     {
      "$ref": "#/components/parameters/wait"
     },
     {
      "$ref": "#/components/parameters/preferWait"
     }
    ],
    "responses": {
     "200": {
      "description": "The ensemble.",
      "headers": {
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Preference-Applied": {
        "$ref": "#/components/headers/preferenceApplied"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Cluster"
        }
       },
       "text/event-stream": {
        "schema": {
         "type": "string"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     },
     "429": {
      "$ref": "#/components/responses/Busy"
     }
    }
   }
  },
  "/v1/snapshots": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "backup"
    ],
    "operationId": "listSnapshots",
    "summary": "The snapshots in this node's data directory, for administrators.",
    "description": "Only those that stand up to their seals. Each is read once, when it is first asked for, so\nthe first list of large ones takes its time.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "200": {
      "description": "The newest first.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "type": "object",
         "required": [
          "snapshots"
         ],
         "properties": {
          "snapshots": {
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/Snapshot"
           }
          }
         }
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "post": {
    "tags": [
     "backup"
    ],
    "operationId": "takeSnapshot",
    "summary": "Takes one of this moment, while writes go on; for administrators.",
    "description": "Of what this node has applied and has on its own disk. One at a time: 409\n`snapshot-running` while one is being written, be it on the node's own account.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "201": {
      "description": "It is on the disk.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/location"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Snapshot"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/snapshots/{zxid}": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    },
    {
     "name": "zxid",
     "in": "path",
     "required": true,
     "schema": {
      "$ref": "#/components/schemas/Zxid"
     }
    }
   ],
   "get": {
    "tags": [
     "backup"
    ],
    "operationId": "downloadSnapshot",
    "summary": "The file itself, in ZooKeeper's format; for administrators.",
    "description": "A download that has begun is finished also when the file is purged meanwhile. One that\nbreaks off is shorter than `Content-Length`.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "parameters": [
     {
      "$ref": "#/components/parameters/ifNoneMatch"
     },
     {
      "$ref": "#/components/parameters/ifMatchRead"
     }
    ],
    "responses": {
     "200": {
      "description": "The snapshot.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "ETag": {
        "$ref": "#/components/headers/etag"
       },
       "Content-Length": {
        "schema": {
         "type": "string",
         "pattern": "^[0-9]+$"
        }
       },
       "Repr-Digest": {
        "description": "RFC 9530.",
        "schema": {
         "type": "string",
         "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"
        }
       }
      },
      "content": {
       "application/octet-stream": {
        "schema": {
         "type": "string",
         "format": "binary"
        }
       }
      }
     },
     "304": {
      "$ref": "#/components/responses/NotModified"
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "412": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/restore": {
   "parameters": [
    {
     "$ref": "#/components/parameters/requestID"
    }
   ],
   "get": {
    "tags": [
     "backup"
    ],
    "operationId": "readRestore",
    "summary": "Whether the ensemble is being restored, and how far; for administrators.",
    "description": "Any node tells that it is. `progress` and `last` are known to the node that restores.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "200": {
      "description": "The restore.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Restore"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "post": {
    "tags": [
     "backup"
    ],
    "operationId": "beginRestore",
    "summary": "Makes the state of the whole ensemble that of a snapshot; for administrators.",
    "description": "The body is a snapshot file: whole, of one moment, at most `http.restore.max` bytes. It is\nkept on this node's disk and verified before anything is changed.\n\nFrom the answer until the end every node refuses reads and writes of znodes, sessions,\nlocks and events with 503 `restoring`. Sessions are closed, their ephemerals go. Data,\nmodes and access control lists become those of the file, by ordinary transactions; stats\nare new, ephemerals are left out, `/aviary` and `/zookeeper` stay as they are except for\nquotas. A node that restarts goes on where it was. Cursors and `Aviary-Min-Zxid` from before\nare 410 afterwards.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "requestBody": {
     "required": true,
     "content": {
      "application/octet-stream": {
       "schema": {
        "type": "string",
        "format": "binary"
       }
      }
     }
    },
    "responses": {
     "202": {
      "description": "It has begun; `GET /v1/restore` tells how it goes.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       },
       "Location": {
        "$ref": "#/components/headers/location"
       }
      },
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/RestoreBegun"
        }
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "409": {
      "$ref": "#/components/responses/Problem"
     },
     "413": {
      "$ref": "#/components/responses/Problem"
     },
     "501": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     },
     "507": {
      "$ref": "#/components/responses/Problem"
     }
    }
   },
   "delete": {
    "tags": [
     "backup"
    ],
    "operationId": "abortRestore",
    "summary": "Ends a restore where it is; for administrators.",
    "description": "On any node, also when the one that restores is gone for good. What is changed by then\nstays changed: restore again to have a whole state.\n",
    "security": [
     {},
     {
      "admin": []
     }
    ],
    "responses": {
     "204": {
      "description": "Reads and writes are served again.",
      "headers": {
       "Aviary-Zxid": {
        "$ref": "#/components/headers/zxid"
       }
      }
     },
     "400": {
      "$ref": "#/components/responses/Problem"
     },
     "401": {
      "$ref": "#/components/responses/Problem"
     },
     "403": {
      "$ref": "#/components/responses/Problem"
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     },
     "503": {
      "$ref": "#/components/responses/Unavailable"
     },
     "504": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  },
  "/v1/node": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "readNode",
    "summary": "This node.",
    "responses": {
     "200": {
      "description": "Its standing, queues, disk and versions.",
      "content": {
       "application/json": {
        "schema": {
         "$ref": "#/components/schemas/Node"
        }
       }
      }
     }
    }
   }
  },
  "/livez": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "live",
    "summary": "Whether the process serves, also during an election.",
    "parameters": [
     {
      "$ref": "#/components/parameters/verbose"
     }
    ],
    "responses": {
     "200": {
      "description": "It does.",
      "content": {
       "text/plain": {
        "schema": {
         "type": "string"
        }
       }
      }
     }
    }
   }
  },
  "/readyz": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "ready",
    "summary": "Whether the node is in the quorum and in line with it.",
    "parameters": [
     {
      "$ref": "#/components/parameters/verbose"
     }
    ],
    "responses": {
     "200": {
      "description": "It is.",
      "content": {
       "text/plain": {
        "schema": {
         "type": "string"
        }
       }
      }
     },
     "503": {
      "description": "It is not; with `verbose` as lines of text.",
      "content": {
       "application/problem+json": {
        "schema": {
         "$ref": "#/components/schemas/Problem"
        }
       },
       "text/plain": {
        "schema": {
         "type": "string"
        }
       }
      }
     }
    }
   }
  },
  "/metrics": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "readMetrics",
    "summary": "Metrics in Prometheus' text format.",
    "responses": {
     "200": {
      "description": "The metrics.",
      "content": {
       "text/plain": {
        "schema": {
         "type": "string"
        }
       }
      }
     }
    }
   }
  },
  "/v1/openapi.json": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "readOpenAPI",
    "summary": "This document.",
    "responses": {
     "200": {
      "description": "OpenAPI 3.1 as JSON.",
      "content": {
       "application/json": {
        "schema": {
         "type": "object"
        }
       }
      }
     }
    }
   }
  },
  "/v1/problems/{code}": {
   "get": {
    "tags": [
     "cluster"
    ],
    "operationId": "explainProblem",
    "summary": "What the code of a problem means.",
    "parameters": [
     {
      "name": "code",
      "in": "path",
      "required": true,
      "schema": {
       "type": "string"
      }
     }
    ],
    "responses": {
     "200": {
      "description": "A few sentences.",
      "content": {
       "text/plain": {
        "schema": {
         "type": "string"
        }
       }
      }
     },
     "404": {
      "$ref": "#/components/responses/Problem"
     }
    }
   }
  }
 },
 "components": {
  "securitySchemes": {
   "digest": {
    "type": "http",
    "scheme": "basic",
    "description": "ZooKeeper's `digest` identity."
   },
   "admin": {
    "type": "http",
    "scheme": "bearer",
    "description": "The administrator's token, ZooKeeper's `super`. Without one configured, a node bound to\nloopback lets anyone administrate who passes the checks of Host and Origin.\n"
   }
  },
  "parameters": {
   "detachedID": {
    "name": "id",
    "in": "path",
    "required": true,
    "schema": {
     "type": "integer",
     "minimum": 1
    }
   },
   "path": {
    "name": "path",
    "in": "path",
    "required": true,
    "description": "The znode's path without its first slash; it may contain slashes, and is empty for the\nroot. Each segment is percent-decoded once; `+` is a plus.\n",
    "schema": {
     "type": "string"
    }
   },
   "sessionID": {
    "name": "id",
    "in": "path",
    "required": true,
    "schema": {
     "$ref": "#/components/schemas/SessionID"
    }
   },
   "requestID": {
    "name": "Request-Id",
    "in": "header",
    "description": "Comes back in the answer.",
    "schema": {
     "type": "string",
     "maxLength": 128
    }
   },
   "session": {
    "name": "Aviary-Session",
    "in": "header",
    "description": "The token of a session. Renews it, a request that is held as long as its client's machine\nanswers; a write with it is made as that session.\n",
    "schema": {
     "type": "string"
    }
   },
   "at": {
    "name": "at",
    "in": "query",
    "description": "A moment: a zxid, or milliseconds since 1970, which mean the last state before any\ntransaction with a later time. A transaction that is still to come is waited for. Excludes\na wait; not below `/zookeeper`, where servers write without transactions.\n",
    "schema": {
     "$ref": "#/components/schemas/Point"
    }
   },
   "minZxid": {
    "name": "Aviary-Min-Zxid",
    "in": "header",
    "description": "The answer is not older than this transaction; waited for up to the deadline.",
    "schema": {
     "$ref": "#/components/schemas/Zxid"
    }
   },
   "consistency": {
    "name": "consistency",
    "in": "query",
    "description": "`local` is this node's committed state; `linearizable` is never older than any write\nacknowledged anywhere before the request.\n",
    "schema": {
     "enum": [
      "local",
      "linearizable"
     ],
     "default": "local"
    }
   },
   "ifNoneMatch": {
    "name": "If-None-Match",
    "in": "header",
    "description": "304 if the tag is current.",
    "schema": {
     "type": "string"
    }
   },
   "ifMatchRead": {
    "name": "If-Match",
    "in": "header",
    "description": "412 unless the tag is current.",
    "schema": {
     "type": "string"
    }
   },
   "ifMatch": {
    "name": "If-Match",
    "in": "header",
    "description": "`*` demands existence; tags demand that one of them is current.",
    "schema": {
     "type": "string"
    }
   },
   "createOnly": {
    "name": "If-None-Match",
    "in": "header",
    "description": "`*` creates only.",
    "schema": {
     "const": "*"
    }
   },
   "version": {
    "name": "version",
    "in": "query",
    "description": "ZooKeeper's version check; -1 is none. Not together with tags.",
    "schema": {
     "type": "integer",
     "format": "int32"
    }
   },
   "raw": {
    "name": "raw",
    "in": "query",
    "description": "The bytes alone.",
    "schema": {
     "$ref": "#/components/schemas/Flag"
    }
   },
   "encoding": {
    "name": "encoding",
    "in": "query",
    "description": "Always base64, also for text.",
    "schema": {
     "const": "base64"
    }
   },
   "parents": {
    "name": "parents",
    "in": "query",
    "description": "Missing parents are created in the same transaction.",
    "schema": {
     "$ref": "#/components/schemas/Flag"
    }
   },
   "mode": {
    "name": "mode",
    "in": "query",
    "description": "Of a znode that is created. `ephemeral` needs `Aviary-Session`.",
    "schema": {
     "$ref": "#/components/schemas/Mode"
    }
   },
   "ttl": {
    "name": "ttl",
    "in": "query",
    "description": "Of a znode that is created; implies `persistent-with-ttl`.",
    "schema": {
     "$ref": "#/components/schemas/Duration"
    }
   },
   "wait": {
    "name": "wait",
    "in": "query",
    "description": "How long the request may be held; wins over `Prefer`. Clipped to `http.wait.max`.",
    "schema": {
     "$ref": "#/components/schemas/Duration"
    }
   },
   "preferWait": {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=30`: how long the request may be held (RFC 7240), here in any duration.",
    "schema": {
     "type": "string",
     "examples": [
      "wait=30"
     ]
    }
   },
   "until": {
    "name": "until",
    "in": "query",
    "description": "With a wait, what it is for instead of another tag.",
    "schema": {
     "enum": [
      "exists",
      "deleted"
     ]
    }
   },
   "fence": {
    "name": "Aviary-Fence",
    "in": "header",
    "description": "`<lock path, percent-encoded>;<token>`: 412 `fence-lost` unless that entry holds the lock.\nThat its znode is still there is checked in the transaction of the write itself.\n",
    "schema": {
     "type": "string",
     "pattern": "^/[^;]*;.+$"
    },
    "examples": {
     "lock": {
      "value": "/jobs/nightly;11a4d23a4da1d3d2b8407ae7f8505623__lock__0000000000"
     }
    }
   },
   "entryToken": {
    "name": "token",
    "in": "path",
    "required": true,
    "description": "What the entry was answered with.",
    "schema": {
     "$ref": "#/components/schemas/EntryToken"
    }
   },
   "verbose": {
    "name": "verbose",
    "in": "query",
    "description": "One line for each check.",
    "schema": {
     "$ref": "#/components/schemas/Flag"
    }
   }
  },
  "headers": {
   "zxid": {
    "description": "The state served, or the transaction made.",
    "schema": {
     "$ref": "#/components/schemas/Zxid"
    }
   },
   "etag": {
    "description": "Znode as bytes `\"<mzxid>\"`, as JSON `\"<mzxid>.<pzxid>.<aversion>\"`; children\n`\"c<pzxid>.<mzxid>.<aversion>\"`; ACL `\"a<czxid>.<aversion>\"`; cluster weak.\n",
    "schema": {
     "type": "string"
    }
   },
   "location": {
    "description": "Absolute path, percent-encoded, usable as it is.",
    "schema": {
     "type": "string"
    }
   },
   "entryLocation": {
    "description": "Where the entry is deleted.",
    "schema": {
     "type": "string"
    }
   },
   "preferenceApplied": {
    "description": "`wait=<seconds>`: the wait that was allowed, as clipped.",
    "schema": {
     "type": "string",
     "pattern": "^wait=[0-9]+([.][0-9]{3})?$"
    }
   },
   "condition": {
    "description": "`version` when a ZooKeeper leader checked versions in place of tags.",
    "schema": {
     "const": "version"
    }
   }
  },
  "requestBodies": {
   "Value": {
    "description": "The value as it is; none is the empty value. Not encoded.",
    "content": {
     "*/*": {
      "schema": {
       "type": "string",
       "format": "binary"
      }
     },
     "application/vnd.aviary.znode+json": {
      "schema": {
       "$ref": "#/components/schemas/Envelope"
      }
     }
    }
   }
  },
  "responses": {
   "HistoryGone": {
    "description": "`history-gone`, with where this node's history begins, when no node reaches back that far;\n`cursor-diverged`; `session-expired`.\n",
    "content": {
     "application/problem+json": {
      "schema": {
       "allOf": [
        {
         "$ref": "#/components/schemas/Problem"
        },
        {
         "properties": {
          "oldest": {
           "$ref": "#/components/schemas/Zxid"
          }
         }
        }
       ]
      }
     }
    }
   },
   "Written": {
    "description": "It was replaced.",
    "headers": {
     "Aviary-Zxid": {
      "$ref": "#/components/headers/zxid"
     },
     "ETag": {
      "$ref": "#/components/headers/etag"
     },
     "Aviary-Condition": {
      "$ref": "#/components/headers/condition"
     }
    },
    "content": {
     "application/json": {
      "schema": {
       "$ref": "#/components/schemas/Written"
      }
     }
    }
   },
   "Created": {
    "description": "It was created.",
    "headers": {
     "Aviary-Zxid": {
      "$ref": "#/components/headers/zxid"
     },
     "ETag": {
      "$ref": "#/components/headers/etag"
     },
     "Location": {
      "$ref": "#/components/headers/location"
     }
    },
    "content": {
     "application/json": {
      "schema": {
       "$ref": "#/components/schemas/Written"
      }
     }
    }
   },
   "NotModified": {
    "description": "The tag is current, or still is now that the wait has ended.",
    "headers": {
     "Aviary-Zxid": {
      "$ref": "#/components/headers/zxid"
     },
     "ETag": {
      "$ref": "#/components/headers/etag"
     },
     "Preference-Applied": {
      "$ref": "#/components/headers/preferenceApplied"
     }
    }
   },
   "Problem": {
    "description": "Refused; the code says why.",
    "content": {
     "application/problem+json": {
      "schema": {
       "$ref": "#/components/schemas/Problem"
      }
     }
    }
   },
   "PreconditionFailed": {
    "description": "A stated condition does not hold; or the lock of `Aviary-Fence`, then `fence-lost` without\nany tag or stat.\n",
    "headers": {
     "ETag": {
      "$ref": "#/components/headers/etag"
     }
    },
    "content": {
     "application/problem+json": {
      "schema": {
       "allOf": [
        {
         "$ref": "#/components/schemas/Problem"
        },
        {
         "properties": {
          "etag": {
           "type": "string"
          },
          "stat": {
           "$ref": "#/components/schemas/Stat"
          }
         }
        }
       ]
      }
     }
    }
   },
   "TransactionProblem": {
    "description": "Nothing was applied; the status is the failing operation's own.",
    "content": {
     "application/problem+json": {
      "schema": {
       "allOf": [
        {
         "$ref": "#/components/schemas/Problem"
        },
        {
         "properties": {
          "operationIndex": {
           "type": "integer",
           "minimum": 0
          },
          "results": {
           "description": "The others have 424.",
           "type": "array",
           "items": {
            "$ref": "#/components/schemas/TransactionResult"
           }
          }
         }
        }
       ]
      }
     }
    }
   },
   "Busy": {
    "description": "As many requests are held as may (`http.waits.max`).",
    "headers": {
     "Retry-After": {
      "schema": {
       "type": "integer"
      }
     }
    },
    "content": {
     "application/problem+json": {
      "schema": {
       "$ref": "#/components/schemas/Problem"
      }
     }
    }
   },
   "Unavailable": {
    "description": "Nothing was applied; the ensemble cannot serve this now.",
    "headers": {
     "Retry-After": {
      "schema": {
       "type": "integer"
      }
     }
    },
    "content": {
     "application/problem+json": {
      "schema": {
       "$ref": "#/components/schemas/Problem"
      }
     }
    }
   }
  },
  "schemas": {
   "Point": {
    "description": "A zxid, or a time in milliseconds since 1970.",
    "type": "string",
    "pattern": "^(0x[0-9a-fA-F]{1,16}|[0-9a-fA-F]{16}|[0-9]+)$"
   },
   "HistoryLine": {
    "type": "object",
    "required": [
     "zxid",
     "time",
     "session",
     "operation",
     "type",
     "path",
     "version"
    ],
    "properties": {
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "time": {
      "description": "The leader's clock. Not in order.",
      "type": "integer",
      "format": "int64"
     },
     "session": {
      "description": "In which it was made; of HTTP writes mostly the node's own.",
      "oneOf": [
       {
        "$ref": "#/components/schemas/SessionID"
       },
       {
        "type": "null"
       }
      ]
     },
     "operation": {
      "description": "ZooKeeper's name of the transaction.",
      "type": "string",
      "examples": [
       "create",
       "setData",
       "multi",
       "closeSession"
      ]
     },
     "type": {
      "description": "What it did to this znode.",
      "enum": [
       "created",
       "changed",
       "deleted",
       "acl"
      ]
     },
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "version": {
      "description": "Of the data, right after; right before a deletion.",
      "type": "integer",
      "format": "int32"
     }
    }
   },
   "Difference": {
    "type": "object",
    "required": [
     "to",
     "path",
     "zxid",
     "fits",
     "bytes",
     "counts",
     "truncated",
     "create",
     "change",
     "delete",
     "kept",
     "acl"
    ],
    "properties": {
     "to": {
      "description": "The moment, as a transaction.",
      "allOf": [
       {
        "$ref": "#/components/schemas/Zxid"
       }
      ]
     },
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "zxid": {
      "description": "The state that it was compared with.",
      "allOf": [
       {
        "$ref": "#/components/schemas/Zxid"
       }
      ]
     },
     "fits": {
      "description": "Whether one transaction can hold it.",
      "type": "boolean"
     },
     "bytes": {
      "description": "Of the request; null when it is far too large to be counted.",
      "type": [
       "integer",
       "null"
      ]
     },
     "counts": {
      "description": "Of all, also where the lists are cut.",
      "type": "object",
      "required": [
       "create",
       "change",
       "delete",
       "kept",
       "acl"
      ],
      "additionalProperties": false,
      "properties": {
       "create": {
        "type": "integer"
       },
       "change": {
        "type": "integer"
       },
       "delete": {
        "type": "integer"
       },
       "kept": {
        "type": "integer"
       },
       "acl": {
        "type": "integer"
       }
      }
     },
     "truncated": {
      "description": "Whether a list has more than `limit`.",
      "type": "boolean"
     },
     "create": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DifferentZnode"
      }
     },
     "change": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DifferentZnode"
      }
     },
     "delete": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DifferentZnode"
      }
     },
     "kept": {
      "description": "Znodes that differ and stay, because of live ephemerals.",
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DifferentZnode"
      }
     },
     "acl": {
      "description": "Znodes with another ACL, which only `restoreAcl` changes.",
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/DifferentZnode"
      }
     }
    }
   },
   "DifferentZnode": {
    "type": "object",
    "required": [
     "path"
    ],
    "properties": {
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "mzxid": {
      "description": "Of the znode that there is.",
      "allOf": [
       {
        "$ref": "#/components/schemas/Zxid"
       }
      ]
     },
     "thenMzxid": {
      "description": "Of the znode that there was.",
      "allOf": [
       {
        "$ref": "#/components/schemas/Zxid"
       }
      ]
     },
     "recreated": {
      "description": "Deleted and created again, because its mode differs or that of one above it.",
      "const": true
     },
     "reason": {
      "description": "Why it stays: it is a live ephemeral, one is below it, or it would be below one.\n",
      "enum": [
       "ephemeral",
       "ancestor",
       "below-ephemeral"
      ]
     }
    }
   },
   "Rollback": {
    "type": "object",
    "required": [
     "zxid",
     "created",
     "changed",
     "deleted",
     "acl"
    ],
    "properties": {
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "created": {
      "type": "integer"
     },
     "changed": {
      "type": "integer"
     },
     "deleted": {
      "type": "integer"
     },
     "acl": {
      "description": "How many ACLs were set before.",
      "type": "integer"
     }
    }
   },
   "Zxid": {
    "type": "string",
    "description": "Epoch and counter.",
    "pattern": "^([0-9a-f]{16}|0x[0-9a-fA-F]{1,16})$",
    "examples": [
     "0000000100000007"
    ]
   },
   "SessionID": {
    "type": "string",
    "pattern": "^([0-9a-f]{16}|0x[0-9a-fA-F]{1,16})$"
   },
   "Path": {
    "type": "string",
    "description": "A znode's path, with its first slash.",
    "pattern": "^/"
   },
   "Flag": {
    "description": "Set by its name alone, by `true` and by `1`.",
    "enum": [
     "",
     "true",
     "1",
     "false",
     "0"
    ]
   },
   "Duration": {
    "description": "`30s`, `500ms`, `5m`, `2h`, `7d`, or a number of seconds.",
    "type": [
     "string",
     "integer"
    ],
    "pattern": "^[0-9]{1,12}(ms|s|m|h|d)?$"
   },
   "Mode": {
    "enum": [
     "persistent",
     "ephemeral",
     "container",
     "persistent-with-ttl"
    ]
   },
   "Stat": {
    "type": "object",
    "required": [
     "czxid",
     "mzxid",
     "pzxid",
     "ctime",
     "mtime",
     "version",
     "cversion",
     "aversion",
     "ephemeralOwner",
     "dataLength",
     "numChildren",
     "mode",
     "ttlMs"
    ],
    "properties": {
     "czxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "mzxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "pzxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "ctime": {
      "type": "integer",
      "format": "int64"
     },
     "mtime": {
      "type": "integer",
      "format": "int64"
     },
     "version": {
      "type": "integer",
      "format": "int32"
     },
     "cversion": {
      "type": "integer",
      "format": "int32"
     },
     "aversion": {
      "type": "integer",
      "format": "int32"
     },
     "ephemeralOwner": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/SessionID"
       }
      ]
     },
     "dataLength": {
      "type": "integer",
      "format": "int32"
     },
     "numChildren": {
      "type": "integer",
      "format": "int32"
     },
     "mode": {
      "$ref": "#/components/schemas/Mode"
     },
     "ttlMs": {
      "type": [
       "integer",
       "null"
      ],
      "format": "int64"
     }
    }
   },
   "Znode": {
    "type": "object",
    "required": [
     "path",
     "stat"
    ],
    "properties": {
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "text": {
      "type": "string",
      "description": "The value where it is valid UTF-8."
     },
     "base64": {
      "type": "string",
      "contentEncoding": "base64",
      "description": "Any other value."
     },
     "stat": {
      "$ref": "#/components/schemas/Stat"
     }
    }
   },
   "Written": {
    "type": "object",
    "required": [
     "path",
     "zxid"
    ],
    "properties": {
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "stat": {
      "$ref": "#/components/schemas/Stat"
     }
    }
   },
   "Envelope": {
    "type": "object",
    "description": "At most one of `text` and `base64`.",
    "additionalProperties": false,
    "properties": {
     "text": {
      "type": "string"
     },
     "base64": {
      "type": "string",
      "contentEncoding": "base64"
     },
     "acl": {
      "$ref": "#/components/schemas/ACL"
     },
     "mode": {
      "$ref": "#/components/schemas/Mode"
     },
     "ttl": {
      "$ref": "#/components/schemas/Duration"
     }
    }
   },
   "Children": {
    "type": "object",
    "required": [
     "path",
     "children",
     "next",
     "stat"
    ],
    "properties": {
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "children": {
      "type": "array",
      "items": {
       "oneOf": [
        {
         "type": "string"
        },
        {
         "type": "object",
         "required": [
          "name"
         ],
         "properties": {
          "name": {
           "type": "string"
          },
          "stat": {
           "$ref": "#/components/schemas/Stat"
          },
          "text": {
           "type": "string"
          },
          "base64": {
           "type": "string",
           "contentEncoding": "base64"
          },
          "code": {
           "const": "forbidden",
           "description": "In place of a value that may not be read."
          }
         }
        }
       ]
      }
     },
     "next": {
      "type": [
       "string",
       "null"
      ],
      "description": "The cursor of the next page."
     },
     "stat": {
      "$ref": "#/components/schemas/Stat"
     }
    }
   },
   "ACL": {
    "type": "array",
    "minItems": 1,
    "items": {
     "type": "object",
     "required": [
      "scheme",
      "id",
      "perms"
     ],
     "additionalProperties": false,
     "properties": {
      "scheme": {
       "enum": [
        "world",
        "auth",
        "digest",
        "ip",
        "x509",
        "sasl"
       ]
      },
      "id": {
       "type": "string"
      },
      "perms": {
       "type": "array",
       "items": {
        "enum": [
         "read",
         "write",
         "create",
         "delete",
         "admin"
        ]
       }
      }
     }
    }
   },
   "TransactionOperation": {
    "type": "object",
    "required": [
     "op",
     "path"
    ],
    "additionalProperties": false,
    "description": "`version` and `ifMatch` (one tag, or `*`) go with `check`, `set` and `delete`; `mode`,\n`sequential`, `acl` and `ttl` with `create`; a value with `create` and `set`.\n",
    "properties": {
     "op": {
      "enum": [
       "check",
       "create",
       "set",
       "delete"
      ]
     },
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "text": {
      "type": "string"
     },
     "base64": {
      "type": "string",
      "contentEncoding": "base64"
     },
     "version": {
      "type": "integer",
      "format": "int32"
     },
     "ifMatch": {
      "type": "string"
     },
     "mode": {
      "$ref": "#/components/schemas/Mode"
     },
     "sequential": {
      "type": "boolean"
     },
     "acl": {
      "$ref": "#/components/schemas/ACL"
     },
     "ttl": {
      "$ref": "#/components/schemas/Duration"
     }
    }
   },
   "TransactionResult": {
    "type": "object",
    "required": [
     "op",
     "path",
     "status"
    ],
    "properties": {
     "op": {
      "enum": [
       "check",
       "create",
       "set",
       "delete"
      ]
     },
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "status": {
      "type": "integer"
     },
     "code": {
      "type": "string"
     },
     "stat": {
      "$ref": "#/components/schemas/Stat"
     }
    }
   },
   "Session": {
    "type": "object",
    "required": [
     "id",
     "timeoutMs",
     "ephemerals"
    ],
    "properties": {
     "id": {
      "$ref": "#/components/schemas/SessionID"
     },
     "timeoutMs": {
      "type": "integer",
      "format": "int32"
     },
     "ephemerals": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Path"
      }
     }
    }
   },
   "Cursor": {
    "type": "string",
    "description": "A place in the history of one ensemble. Opaque; begins with a zxid."
   },
   "EventType": {
    "enum": [
     "created",
     "changed",
     "deleted",
     "children",
     "acl"
    ]
   },
   "Event": {
    "type": "object",
    "required": [
     "zxid",
     "type",
     "path"
    ],
    "properties": {
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "type": {
      "$ref": "#/components/schemas/EventType"
     },
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "stat": {
      "description": "Right after the event; not of `deleted`.",
      "$ref": "#/components/schemas/Stat"
     },
     "text": {
      "type": "string",
      "description": "What was written where it is valid UTF-8."
     },
     "base64": {
      "type": "string",
      "contentEncoding": "base64",
      "description": "Any other value."
     }
    }
   },
   "Events": {
    "type": "object",
    "required": [
     "events",
     "next",
     "more"
    ],
    "properties": {
     "events": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Event"
      }
     },
     "next": {
      "description": "Goes into `since`, on any node.",
      "$ref": "#/components/schemas/Cursor"
     },
     "more": {
      "type": "boolean",
      "description": "There is history behind `next` already."
     }
    }
   },
   "EventLine": {
    "oneOf": [
     {
      "allOf": [
       {
        "$ref": "#/components/schemas/Event"
       },
       {
        "required": [
         "cursor"
        ],
        "properties": {
         "cursor": {
          "$ref": "#/components/schemas/Cursor"
         }
        }
       }
      ]
     },
     {
      "type": "object",
      "description": "The last line.",
      "required": [
       "end",
       "next"
      ],
      "properties": {
       "end": {
        "enum": [
         "caught-up",
         "wait",
         "expired",
         "stopping"
        ]
       },
       "next": {
        "$ref": "#/components/schemas/Cursor"
       }
      }
     }
    ]
   },
   "Watcher": {
    "type": "object",
    "required": [
     "kind",
     "paths",
     "scope",
     "since",
     "address",
     "session"
    ],
    "properties": {
     "kind": {
      "description": "A held request's resource, or a stream's form.",
      "enum": [
       "znode",
       "children",
       "acl",
       "lock",
       "election",
       "cluster",
       "events",
       "stream",
       "lines"
      ]
     },
     "paths": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Path"
      }
     },
     "scope": {
      "enum": [
       "node",
       "children",
       "subtree",
       null
      ]
     },
     "since": {
      "type": "integer",
      "format": "int64"
     },
     "address": {
      "type": "string",
      "description": "Of the client."
     },
     "session": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/SessionID"
       }
      ]
     }
    }
   },
   "LockMode": {
    "enum": [
     "exclusive",
     "shared"
    ]
   },
   "EntryToken": {
    "type": "string",
    "description": "The name of the entry's znode, below that of the lock or election.",
    "pattern": "__r?lock__-?[0-9]{10}$"
   },
   "Entry": {
    "type": "object",
    "required": [
     "token",
     "zxid"
    ],
    "properties": {
     "token": {
      "$ref": "#/components/schemas/EntryToken"
     },
     "zxid": {
      "description": "Of the entry's creation: grows from holder to holder, so that systems which know nothing\nof locks can refuse a smaller one.\n",
      "$ref": "#/components/schemas/Zxid"
     },
     "position": {
      "type": "integer",
      "minimum": 1,
      "description": "How many have to go first."
     }
    }
   },
   "Contender": {
    "type": "object",
    "required": [
     "token",
     "zxid",
     "session",
     "since"
    ],
    "properties": {
     "token": {
      "$ref": "#/components/schemas/EntryToken"
     },
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "mode": {
      "description": "Of a lock.",
      "$ref": "#/components/schemas/LockMode"
     },
     "session": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/SessionID"
       }
      ]
     },
     "since": {
      "type": "integer",
      "format": "int64",
      "description": "When it came."
     },
     "text": {
      "type": "string"
     },
     "base64": {
      "type": "string",
      "contentEncoding": "base64"
     }
    }
   },
   "Lock": {
    "type": "object",
    "required": [
     "path",
     "holders",
     "queue"
    ],
    "properties": {
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "holders": {
      "type": "array",
      "description": "One, or some who share.",
      "items": {
       "$ref": "#/components/schemas/Contender"
      }
     },
     "queue": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Contender"
      }
     }
    }
   },
   "Election": {
    "type": "object",
    "required": [
     "path",
     "leader",
     "candidates"
    ],
    "properties": {
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "leader": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Contender"
       }
      ]
     },
     "candidates": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Contender"
      }
     }
    }
   },
   "Snapshot": {
    "type": "object",
    "required": [
     "zxid",
     "bytes",
     "time",
     "digest",
     "sha256"
    ],
    "properties": {
     "zxid": {
      "description": "Everything up to this transaction is in it, and nothing else.",
      "$ref": "#/components/schemas/Zxid"
     },
     "bytes": {
      "type": "integer",
      "minimum": 0
     },
     "time": {
      "type": "integer",
      "format": "int64",
      "description": "When it was written."
     },
     "digest": {
      "description": "Of the tree, as ZooKeeper computes it: the same on every node that has a snapshot of\nthis zxid. Null where the file tells none.\n",
      "oneOf": [
       {
        "type": "null"
       },
       {
        "type": "string",
        "pattern": "^[0-9a-f]{16}$"
       }
      ]
     },
     "sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Of the file."
     }
    }
   },
   "RestoreBegun": {
    "type": "object",
    "required": [
     "id",
     "node",
     "snapshot",
     "startedAt"
    ],
    "properties": {
     "id": {
      "type": "string",
      "pattern": "^[0-9a-f]{16}$"
     },
     "node": {
      "type": "integer",
      "description": "Has the file and does the work."
     },
     "snapshot": {
      "description": "The zxid that the file is the state of.",
      "$ref": "#/components/schemas/Zxid"
     },
     "startedAt": {
      "type": "integer",
      "format": "int64"
     }
    }
   },
   "Restore": {
    "type": "object",
    "required": [
     "state",
     "restore",
     "progress",
     "last"
    ],
    "properties": {
     "state": {
      "enum": [
       "none",
       "restoring"
      ]
     },
     "restore": {
      "description": "The one under way.",
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/RestoreBegun"
       }
      ]
     },
     "progress": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "type": "object",
        "required": [
         "done",
         "total",
         "problem"
        ],
        "properties": {
         "done": {
          "type": "integer",
          "description": "Changes made since this process began with it."
         },
         "total": {
          "type": "integer"
         },
         "problem": {
          "type": [
           "string",
           "null"
          ],
          "description": "Why it does not go on, for now or until somebody does something."
         }
        }
       }
      ]
     },
     "last": {
      "description": "How the last one of this node has ended, since the node started.",
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/RestoreEnded"
       }
      ]
     }
    }
   },
   "RestoreEnded": {
    "type": "object",
    "required": [
     "id",
     "node",
     "snapshot",
     "startedAt",
     "outcome",
     "zxid"
    ],
    "properties": {
     "id": {
      "type": "string",
      "pattern": "^[0-9a-f]{16}$"
     },
     "node": {
      "type": "integer"
     },
     "snapshot": {
      "$ref": "#/components/schemas/Zxid"
     },
     "startedAt": {
      "type": "integer",
      "format": "int64"
     },
     "outcome": {
      "enum": [
       "finished",
       "aborted"
      ]
     },
     "zxid": {
      "description": "From here on the restored state is served.",
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Zxid"
       }
      ]
     }
    }
   },
   "Role": {
    "enum": [
     "leader",
     "follower",
     "observer",
     "looking",
     "down"
    ]
   },
   "Phase": {
    "enum": [
     "election",
     "discovery",
     "synchronization",
     "broadcast"
    ]
   },
   "Alarm": {
    "description": "digest-mismatch: a transaction led elsewhere than was foretold. disk-low: less than a twentieth of the disk is free. no-space: there is no room for data to grow; reads and deletes are served, other writes get 507. disk-failed: a write or sync has failed; the node takes no part any more, and its process ends in a moment. slow-disk: a sync of the log takes longer than fsync.warningthresholdms, or did in the last half minute. clock-jump: the wall clock was set by more than a second in the last minute. clock-skew: the wall clock differs from half of the members' by more than a second. held: it takes no part until a person has decided. lost-data: it may lack what it has acknowledged, and looks for a leader whose state it can get. stranger: a server of the configuration has another ensemble's data. digest-differs: its state differs from another member's at the same zxid, and it is not known to be right. backup-failed: the last scheduled backup failed. restoring: reads and writes are refused until the state is that of a snapshot.",
    "enum": [
     "digest-mismatch",
     "disk-low",
     "no-space",
     "disk-failed",
     "slow-disk",
     "clock-jump",
     "clock-skew",
     "held",
     "lost-data",
     "stranger",
     "digest-differs",
     "backup-failed",
     "restoring"
    ]
   },
   "Failure": {
    "description": "gone: its connections are closed and nobody listens. silent: nobody hears it. cut: it is not heard here, another member hears it. one-way: one of the two hears the other, which does not hear it. Known within syncLimit ticks; gone at once.",
    "enum": [
     "gone",
     "silent",
     "cut",
     "one-way"
    ]
   },
   "Disk": {
    "type": "object",
    "required": [
     "totalBytes",
     "freeBytes"
    ],
    "properties": {
     "totalBytes": {
      "type": "integer",
      "format": "int64"
     },
     "freeBytes": {
      "type": "integer",
      "format": "int64"
     }
    }
   },
   "Cluster": {
    "type": "object",
    "required": [
     "id",
     "epoch",
     "leader",
     "zxid",
     "healthy",
     "failureTolerance",
     "members",
     "history",
     "alarms",
     "recovery"
    ],
    "properties": {
     "id": {
      "type": [
       "string",
       "null"
      ],
      "description": "Names the ensemble."
     },
     "epoch": {
      "type": "integer",
      "format": "int64"
     },
     "leader": {
      "type": [
       "integer",
       "null"
      ],
      "format": "int64"
     },
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "healthy": {
      "type": "boolean",
      "description": "There is a leader with a quorum."
     },
     "failureTolerance": {
      "type": "integer",
      "description": "How many voters more may fail."
     },
     "members": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Member"
      }
     },
     "history": {
      "$ref": "#/components/schemas/History"
     },
     "alarms": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Alarm"
      }
     },
     "recovery": {
      "$ref": "#/components/schemas/RecoveryState"
     }
    }
   },
   "RecoveryState": {
    "description": "How the node that was asked stands with the ensemble.",
    "type": "object",
    "required": [
     "state",
     "cause",
     "report"
    ],
    "properties": {
     "state": {
      "description": "`repairing`: it is being brought in line. `held`: it takes no part until a person decides. `stranded`: it has had no quorum for a while.",
      "type": "string",
      "enum": [
       "healthy",
       "repairing",
       "held",
       "stranded"
      ]
     },
     "cause": {
      "type": [
       "string",
       "null"
      ],
      "examples": [
       "too-different"
      ]
     },
     "report": {
      "description": "The digest of the report that a flag has to name.",
      "type": [
       "string",
       "null"
      ]
     }
    }
   },
   "RecoveryStatus": {
    "allOf": [
     {
      "$ref": "#/components/schemas/RecoveryState"
     },
     {
      "type": "object",
      "required": [
       "progress",
       "thresholds"
      ],
      "properties": {
       "progress": {
        "description": "While it is repairing.",
        "oneOf": [
         {
          "type": "null"
         },
         {
          "type": "object",
          "required": [
           "phase",
           "receivedBytes"
          ],
          "properties": {
           "phase": {
            "type": "string",
            "enum": [
             "election",
             "discovery",
             "synchronization",
             "broadcast"
            ]
           },
           "receivedBytes": {
            "description": "How much of a leader's whole state has come; null while none is on its way.",
            "type": [
             "integer",
             "null"
            ]
           }
          }
         }
        ]
       },
       "thresholds": {
        "type": "object",
        "required": [
         "maxDifferingRatio",
         "maxDifferingNodes",
         "maxTruncatedTransactions"
        ],
        "properties": {
         "maxDifferingRatio": {
          "type": "number"
         },
         "maxDifferingNodes": {
          "type": "integer"
         },
         "maxTruncatedTransactions": {
          "type": "integer"
         }
        }
       }
      }
     }
    ]
   },
   "RecoveryReport": {
    "type": "object",
    "required": [
     "node",
     "digest",
     "cause",
     "detail",
     "mine",
     "theirs",
     "compared",
     "missing",
     "extra",
     "conflicting",
     "bytes",
     "ratio",
     "droppedTransactions",
     "droppedThrough",
     "entries",
     "next"
    ],
    "properties": {
     "node": {
      "type": "integer"
     },
     "digest": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$"
     },
     "cause": {
      "type": "string",
      "enum": [
       "other-ensemble",
       "other-name",
       "removed",
       "too-different"
      ]
     },
     "detail": {
      "type": "string"
     },
     "mine": {
      "description": "Up to where this node's state goes.",
      "type": [
       "string",
       "null"
      ]
     },
     "theirs": {
      "description": "Up to where the quorum's state went when the two were compared; null where it could not be had.",
      "type": [
       "string",
       "null"
      ]
     },
     "compared": {
      "type": "integer",
      "description": "Znodes of this node that were compared."
     },
     "missing": {
      "type": "integer",
      "description": "Only the quorum has them. They do not count."
     },
     "extra": {
      "type": "integer",
      "description": "The quorum's history never had them."
     },
     "conflicting": {
      "type": "integer",
      "description": "In states that no one history can have."
     },
     "bytes": {
      "type": "integer",
      "description": "Of data in what is extra or conflicting."
     },
     "ratio": {
      "type": "number",
      "description": "Extra and conflicting ones of all compared."
     },
     "droppedTransactions": {
      "type": "integer",
      "description": "Transactions in its log that the quorum does not have."
     },
     "droppedThrough": {
      "type": [
       "string",
       "null"
      ],
      "description": "The last of them."
     },
     "entries": {
      "type": "array",
      "items": {
       "type": "object",
       "required": [
        "kind",
        "path",
        "mine",
        "theirs"
       ],
       "properties": {
        "kind": {
         "type": "string",
         "enum": [
          "missing",
          "extra",
          "conflicting"
         ]
        },
        "path": {
         "type": "string"
        },
        "mine": {
         "type": [
          "string",
          "null"
         ],
         "description": "The mzxid here."
        },
        "theirs": {
         "type": [
          "string",
          "null"
         ],
         "description": "The mzxid in the quorum's state."
        }
       }
      }
     },
     "next": {
      "type": [
       "string",
       "null"
      ]
     }
    }
   },
   "StrandedReport": {
    "type": "object",
    "required": [
     "node",
     "digest",
     "cause",
     "bound",
     "logged",
     "acceptedEpoch",
     "members"
    ],
    "properties": {
     "node": {
      "type": "integer"
     },
     "digest": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$"
     },
     "cause": {
      "type": "string",
      "enum": [
       "no-quorum",
       "lost-data",
       "empty"
      ],
      "description": "Other than no-quorum, those who go on from here go on without what is missing."
     },
     "bound": {
      "type": [
       "string",
       "null"
      ],
      "description": "How far the history went of which a part is lost."
     },
     "logged": {
      "type": "string",
      "description": "The end of this node's log."
     },
     "acceptedEpoch": {
      "type": "integer"
     },
     "members": {
      "description": "The others.",
      "type": "array",
      "items": {
       "type": "object",
       "required": [
        "id",
        "answers",
        "logged"
       ],
       "properties": {
        "id": {
         "type": "integer"
        },
        "answers": {
         "type": "boolean",
         "description": "Over HTTP",
         "when it was asked last.": null
        },
        "logged": {
         "type": [
          "string",
          "null"
         ],
         "description": "The end of its log, as it said last."
        }
       }
      }
     }
    }
   },
   "RecoveryOrder": {
    "type": "object",
    "required": [
     "state"
    ],
    "properties": {
     "state": {
      "type": "string",
      "enum": [
       "repairing"
      ]
     },
     "action": {
      "type": "string"
     },
     "report": {
      "type": "string"
     },
     "detached": {
      "type": "integer"
     }
    }
   },
   "Detached": {
    "type": "object",
    "required": [
     "id",
     "time",
     "cause",
     "bytes",
     "files"
    ],
    "properties": {
     "id": {
      "type": "integer"
     },
     "time": {
      "type": "integer",
      "description": "Milliseconds since 1970."
     },
     "cause": {
      "type": [
       "string",
       "null"
      ],
      "enum": [
       "damaged-snapshot",
       "damaged-log",
       "truncation",
       "received-state",
       "mended",
       "adopted-quorum",
       "restored-state",
       null
      ]
     },
     "bytes": {
      "type": "integer"
     },
     "files": {
      "type": "array",
      "items": {
       "type": "string"
      }
     }
    }
   },
   "History": {
    "type": "object",
    "required": [
     "oldest"
    ],
    "properties": {
     "oldest": {
      "description": "This node has every event behind it.",
      "$ref": "#/components/schemas/Zxid"
     }
    }
   },
   "Member": {
    "type": "object",
    "required": [
     "id",
     "role",
     "phase",
     "zxid",
     "lag",
     "lastContactMs",
     "up",
     "failure",
     "disk",
     "version",
     "addresses",
     "alarms"
    ],
    "properties": {
     "id": {
      "type": "integer",
      "format": "int64"
     },
     "role": {
      "$ref": "#/components/schemas/Role"
     },
     "phase": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Phase"
       }
      ]
     },
     "zxid": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Zxid"
       }
      ]
     },
     "lag": {
      "type": [
       "integer",
       "null"
      ],
      "description": "Transactions behind."
     },
     "lastContactMs": {
      "type": [
       "integer",
       "null"
      ],
      "description": "Since it was last heard."
     },
     "up": {
      "type": "boolean",
      "description": "Whether it is heard."
     },
     "failure": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Failure"
       }
      ]
     },
     "disk": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Disk"
       }
      ]
     },
     "version": {
      "type": [
       "string",
       "null"
      ]
     },
     "addresses": {
      "type": "object",
      "required": [
       "http",
       "quorum",
       "election"
      ],
      "properties": {
       "http": {
        "type": [
         "string",
         "null"
        ]
       },
       "quorum": {
        "type": [
         "string",
         "null"
        ]
       },
       "election": {
        "type": [
         "string",
         "null"
        ]
       }
      }
     },
     "alarms": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Alarm"
      }
     }
    }
   },
   "Node": {
    "type": "object",
    "required": [
     "id",
     "role",
     "phase",
     "synchronized",
     "zxid",
     "version",
     "alarms"
    ],
    "properties": {
     "id": {
      "type": "integer",
      "format": "int64"
     },
     "role": {
      "enum": [
       "leader",
       "follower",
       "observer",
       "looking"
      ]
     },
     "phase": {
      "$ref": "#/components/schemas/Phase"
     },
     "leader": {
      "type": [
       "integer",
       "null"
      ],
      "format": "int64"
     },
     "synchronized": {
      "type": "boolean",
      "description": "In the quorum and in line with it."
     },
     "serving": {
      "type": "boolean",
      "description": "Synchronized once since the start."
     },
     "epoch": {
      "type": "integer",
      "format": "int64"
     },
     "acceptedEpoch": {
      "type": "integer",
      "format": "int64"
     },
     "configVersion": {
      "description": "Above 0 once members were taken out by order.",
      "type": "integer",
      "format": "int64"
     },
     "digests": {
      "description": "Of the served state, by zxid; members compare them.",
      "type": "object",
      "additionalProperties": {
       "type": "string",
       "pattern": "^[0-9a-f]{16}$"
      }
     },
     "currentEpoch": {
      "type": "integer",
      "format": "int64"
     },
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "logged": {
      "$ref": "#/components/schemas/Zxid"
     },
     "durable": {
      "$ref": "#/components/schemas/Zxid"
     },
     "queues": {
      "type": "object",
      "properties": {
       "writesPending": {
        "type": "integer"
       },
       "writesParked": {
        "type": "integer"
       },
       "requestsWaiting": {
        "type": [
         "integer",
         "null"
        ]
       },
       "connections": {
        "type": [
         "integer",
         "null"
        ]
       }
      }
     },
     "history": {
      "$ref": "#/components/schemas/History"
     },
     "learners": {
      "type": "array",
      "items": {
       "type": "object",
       "properties": {
        "id": {
         "type": "integer",
         "format": "int64"
        },
        "acknowledged": {
         "$ref": "#/components/schemas/Zxid"
        },
        "active": {
         "type": "boolean"
        }
       }
      }
     },
     "sessions": {
      "type": "integer"
     },
     "znodes": {
      "type": "integer"
     },
     "dataBytes": {
      "type": "integer",
      "format": "int64"
     },
     "disk": {
      "oneOf": [
       {
        "type": "null"
       },
       {
        "$ref": "#/components/schemas/Disk"
       }
      ]
     },
     "peers": {
      "type": "array",
      "description": "How this node finds the other members.",
      "items": {
       "type": "object",
       "required": [
        "id",
        "up",
        "failure",
        "lastContactMs",
        "hears"
       ],
       "properties": {
        "id": {
         "type": "integer",
         "format": "int64"
        },
        "up": {
         "type": "boolean"
        },
        "failure": {
         "oneOf": [
          {
           "type": "null"
          },
          {
           "$ref": "#/components/schemas/Failure"
          }
         ]
        },
        "lastContactMs": {
         "type": [
          "integer",
          "null"
         ]
        },
        "hears": {
         "type": "array",
         "description": "Whom it hears, as it says itself.",
         "items": {
          "type": "object",
          "required": [
           "id",
           "lastContactMs"
          ],
          "properties": {
           "id": {
            "type": "integer",
            "format": "int64"
           },
           "lastContactMs": {
            "type": "integer",
            "format": "int64"
           }
          }
         }
        }
       }
      }
     },
     "time": {
      "type": "integer",
      "format": "int64",
      "description": "The wall clock."
     },
     "alarms": {
      "type": "array",
      "items": {
       "$ref": "#/components/schemas/Alarm"
      }
     },
     "version": {
      "type": "string"
     },
     "libraries": {
      "type": "object",
      "additionalProperties": {
       "type": "string"
      }
     },
     "startedAt": {
      "type": "integer",
      "format": "int64"
     },
     "uptimeMs": {
      "type": "integer",
      "format": "int64"
     }
    }
   },
   "Problem": {
    "type": "object",
    "description": "RFC 9457.",
    "required": [
     "type",
     "title",
     "status",
     "detail",
     "code",
     "retryable",
     "outcome"
    ],
    "properties": {
     "type": {
      "type": "string",
      "description": "Where the code is explained."
     },
     "title": {
      "type": "string"
     },
     "status": {
      "type": "integer"
     },
     "detail": {
      "type": "string"
     },
     "code": {
      "$ref": "#/components/schemas/ProblemCode"
     },
     "path": {
      "$ref": "#/components/schemas/Path"
     },
     "zxid": {
      "$ref": "#/components/schemas/Zxid"
     },
     "retryable": {
      "type": "boolean"
     },
     "reason": {
      "description": "How the session ended, with `session-expired`.",
      "enum": [
       "expired",
       "closed",
       "unknown"
      ]
     },
     "outcome": {
      "enum": [
       "not-applied",
       "applied",
       "unknown"
      ]
     },
     "bytes": {
      "type": "integer"
     },
     "limit": {
      "type": "integer"
     },
     "operations": {
      "type": "integer"
     }
    }
   },
   "ProblemCode": {
    "description": "Explained at `/v1/problems/<code>`. More may come.",
    "enum": [
     "bad-request",
     "bad-parameter",
     "bad-zxid",
     "bad-path",
     "bad-session",
     "bad-acl",
     "unauthenticated",
     "forbidden",
     "no-route",
     "no-node",
     "no-parent",
     "method-not-allowed",
     "request-timeout",
     "node-exists",
     "not-empty",
     "ephemeral-parent",
     "mode-mismatch",
     "contended",
     "held",
     "snapshot-running",
     "no-snapshot",
     "bad-snapshot",
     "restore-running",
     "no-restore",
     "not-held",
     "quorum-reachable",
     "survivor-unreachable",
     "no-report",
     "no-detachment",
     "fence-lost",
     "failed-dependency",
     "session-expired",
     "zxid-diverged",
     "history-gone",
     "cursor-expired",
     "cursor-diverged",
     "precondition-failed",
     "too-large",
     "transaction-too-large",
     "uri-too-long",
     "unsupported-encoding",
     "expectation-failed",
     "misdirected",
     "precondition-required",
     "busy",
     "throttled",
     "headers-too-large",
     "internal",
     "unimplemented",
     "needs-aviary-leader",
     "no-quorum",
     "electing",
     "node-behind",
     "restoring",
     "stopping",
     "outcome-unknown",
     "http-version",
     "quota",
     "no-space"
    ]
   }
  }
 }
}
"""##
}
