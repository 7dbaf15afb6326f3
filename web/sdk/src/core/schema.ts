// Generated from ingest/openapi.json by `npm run generate`; do not edit by hand.
/** Every kind of event that ingest takes. */
export const PROMPT_TELEMETRY_EVENT_TYPES = [
  'impression',
  'selection',
  'completion',
  'feedback',
  'skip',
] as const;

export interface paths {
    "/api/telemetry/prompt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes one event.
         * @description `202` means that Kafka has the event safe. Sending it again is harmless as long as it keeps its id, or, without an id,
         *     its timestamp and content.
         */
        post: operations["submitEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/telemetry/prompt/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes 1 to 1,000 events.
         * @description Each is judged on its own. `202` means that Kafka has all events safe but the rejected ones; a `503` means that some
         *     may not be safe, and that all should be sent again.
         */
        post: operations["submitBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/telemetry/prompt/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How one prompt performs, by an id in the query.
         * @description As the call with the id in its path, for ids with a slash behind a proxy that decodes paths.
         */
        get: operations["getPromptStatsById"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/telemetry/prompt/{id}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How one prompt performs.
         * @description A prompt without events has zeros and nulls. With `lens` or `stage` only the events of that slice count.
         */
        get: operations["getPromptStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/telemetry/prompts/performance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists prompts with their performance.
         * @description A prompt is listed once it has any event in the slice. Ties are ordered by prompt id; nulls come last either way.
         */
        get: operations["listPromptPerformance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description What happened to a prompt.
         * @enum {string}
         */
        EventType: "impression" | "selection" | "completion" | "feedback" | "skip";
        /** @description One broken rule of the contract. */
        Fault: {
            /** @description Path from the event to the value, such as `context.activeTopics[3]`; empty for the event itself. */
            field: string;
            /** @description The rule that is broken. */
            code: components["schemas"]["FaultCode"];
            /** @description One plain sentence: what is expected, and what was found where that helps. */
            message: string;
        };
        /**
         * @description The stable names of the rules. They are part of the API: clients match on them.
         * @enum {string}
         */
        FaultCode: "required" | "wrong_type" | "duplicate_field" | "empty" | "too_long" | "too_many" | "out_of_range" | "not_whole" | "not_allowed" | "invalid_id" | "nil_id" | "invalid_timestamp" | "null_character";
        /** @description Why a request failed, as RFC 9457 puts it. */
        Problem: {
            /** @description Always `about:blank`: the code tells problems apart. */
            type: string;
            /** @description The status in words. */
            title: string;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description One sentence: what is wrong and what to do. */
            detail: string;
            /** @description The stable name of the problem. */
            code: string;
            /** @description Every rule that the request breaks, where it was understood but is invalid. */
            errors?: components["schemas"]["Fault"][];
            /** @description The events of the batch, when all of them are invalid. */
            rejected?: components["schemas"]["TelemetryRejectedEvent"][];
        };
        /** @description One event, as sent to intake. Optional fields may be absent or null, which is the same; unknown ones are ignored. */
        PromptTelemetryEvent: {
            /**
             * Format: uuid
             * @description What the event is: the first one stored under an id wins, later ones are duplicates. A UUID of any version, but
             *     neither nil nor max; make it when the event is recorded and keep it over retries.
             */
            id?: string | null;
            /** @description What happened. */
            eventType: components["schemas"]["EventType"];
            /** @description The prompt it happened to; not `.` or `..`. */
            promptId: string;
            /** @description The session it happened in. A session's events keep their order. */
            sessionId: string;
            timestamp?: components["schemas"]["SubmittedTimestamp"] | null;
            context?: components["schemas"]["TelemetryContext"] | null;
            scoring?: components["schemas"]["TelemetryScoringDetails"] | null;
            outcome?: components["schemas"]["TelemetryOutcome"] | null;
        };
        /** @description The performance of one prompt, over all its events or those of one slice. */
        PromptTelemetryStats: {
            /** @description The prompt. */
            promptId: string;
            /**
             * Format: int64
             * @description Times shown.
             */
            impressions: number;
            /**
             * Format: int64
             * @description Times clicked.
             */
            selections: number;
            /**
             * Format: int64
             * @description Times answered.
             */
            completions: number;
            /**
             * Format: double
             * @description Selections / impressions, 4 decimals; 0 without impressions. It may exceed 1.
             */
            selectionRate: number;
            /**
             * Format: double
             * @description Mean entropy delta of the completions that have one, 4 decimals; null without any.
             */
            avgEntropyDelta: number | null;
            /**
             * Format: double
             * @description Mean dwell time of the completions that have one, whole milliseconds; null without any.
             */
            avgDwellTimeMs: number | null;
            /**
             * Format: date-time
             * @description Time of the newest event of any type, RFC 3339; null without any.
             */
            lastSurfaced: string | null;
        };
        /**
         * @description How far a conversation has come.
         * @enum {string}
         */
        Stage: "genesis" | "exploration" | "synthesis" | "advocacy";
        /** @description Unix milliseconds, or RFC 3339 with an offset; cut to milliseconds. */
        SubmittedTimestamp: number | string;
        /** @description The body of a batch request. */
        TelemetryBatch: {
            /** @description The events; each is judged on its own. */
            events: components["schemas"]["PromptTelemetryEvent"][];
        };
        /** @description The accepted events of a batch are safe: Kafka has acknowledged them. */
        TelemetryBatchResponse: {
            /** @description How many events were accepted, a repeated id included. */
            count: number;
            /** @description `partial` when some events were rejected. */
            status: components["schemas"]["TelemetryStatus"];
            /** @description The events that were not accepted. Sending them again unchanged is in vain. */
            rejected: components["schemas"]["TelemetryRejectedEvent"][];
        };
        /** @description The state of the conversation when the event happened. */
        TelemetryContext: {
            stage?: components["schemas"]["Stage"] | null;
            /** @description The persona the prompt was shown under. */
            lensId?: string | null;
            /**
             * Format: double
             * @description How spread out the conversation is.
             */
            entropy?: number | null;
            /**
             * Format: int32
             * @description Exchanges so far.
             */
            interactionCount?: number | null;
            /** @description Topics touched, at most 64 of at most 128 characters. */
            activeTopics?: string[] | null;
            /** @description Moments detected, at most 64 of at most 128 characters. */
            activeMoments?: string[] | null;
        };
        /** @description The parts of a score. */
        TelemetryMatchDetails: {
            /** @description Whether the prompt was meant for the stage. */
            stageMatch?: boolean | null;
            /**
             * Format: double
             * @description Affinity to the lens.
             */
            lensWeight?: number | null;
            /**
             * Format: double
             * @description Affinity to the topics.
             */
            topicWeight?: number | null;
            /**
             * Format: double
             * @description Added for moments.
             */
            momentBoost?: number | null;
            /**
             * Format: double
             * @description The prompt's own weight.
             */
            baseWeight?: number | null;
        };
        /** @description What came of a prompt. */
        TelemetryOutcome: {
            /**
             * Format: double
             * @description From selection to the person's next action, in milliseconds; a fraction is rounded.
             */
            dwellTimeMs?: number | null;
            /**
             * Format: double
             * @description Entropy after less entropy before.
             */
            entropyDelta?: number | null;
            /** @description The prompt chosen next; not `.` or `..`. */
            followUpPromptId?: string | null;
        };
        /** @description One page of a list of prompts. */
        TelemetryPerformanceResponse: {
            /** @description The prompts of this page, in the order asked for. */
            prompts: components["schemas"]["PromptTelemetryStats"][];
            /**
             * Format: int64
             * @description How many prompts there are on all pages, after the filters.
             */
            total: number;
        };
        /** @description An event of a batch that breaks rules. */
        TelemetryRejectedEvent: {
            /** @description Its place in the batch, 0-based. */
            index: number;
            /** @description Its id as sent, where it has one. */
            id?: string | null;
            /** @description Every rule it breaks. */
            errors: components["schemas"]["Fault"][];
        };
        /** @description How the prompt came to be shown. */
        TelemetryScoringDetails: {
            /**
             * Format: double
             * @description The scorer's result.
             */
            finalScore?: number | null;
            /**
             * Format: int32
             * @description Position in the list as displayed, 0-based.
             */
            rank?: number | null;
            matchDetails?: components["schemas"]["TelemetryMatchDetails"] | null;
        };
        /**
         * @description Whether all of a request's events were accepted.
         * @enum {string}
         */
        TelemetryStatus: "accepted" | "partial";
        /** @description The event is safe: Kafka has acknowledged it. */
        TelemetrySubmitResponse: {
            /**
             * Format: uuid
             * @description The event's id: the one sent, or the one it got.
             */
            id: string;
            /** @description Always `accepted`. */
            status: components["schemas"]["TelemetryStatus"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    submitEvent: {
        parameters: {
            query?: {
                /** @description A write key, for senders that cannot set headers. */
                key?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PromptTelemetryEvent"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description The event is safe. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TelemetrySubmitResponse"];
                };
            };
            /** @description The body is not JSON in UTF-8, does not unpack, or broke off; or a parameter is not known. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Write keys are configured and none was sent. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body, the batch or an event is too large; send fewer events at once. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The content type or encoding is none of those understood. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Well-formed but invalid: `errors` or `rejected` names every fault. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The client sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The events are not safe; send them again with the same ids. */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    submitBatch: {
        parameters: {
            query?: {
                /** @description A write key, for senders that cannot set headers. */
                key?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TelemetryBatch"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description The accepted events are safe. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TelemetryBatchResponse"];
                };
            };
            /** @description The body is not JSON in UTF-8, does not unpack, or broke off; or a parameter is not known. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Write keys are configured and none was sent. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body did not arrive in time. */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body, the batch or an event is too large; send fewer events at once. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The content type or encoding is none of those understood. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Well-formed but invalid: `errors` or `rejected` names every fault. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The client sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The events are not safe; send them again with the same ids. */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPromptStatsById: {
        parameters: {
            query: {
                /** @description The prompt; not `.` or `..`. */
                id: string;
                /** @description Only events under this lens; `none` for events without one. */
                lens?: string;
                /** @description Only events whose lens has exactly this id, even when that is `none`. With `lens`, both must hold. */
                lensId?: string;
                /** @description Only events at this stage. */
                stage?: "genesis" | "exploration" | "synthesis" | "advocacy";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The numbers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromptTelemetryStats"];
                };
            };
            /** @description A parameter is not known, or has a value that is not allowed: `errors` lists what is. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A read token is configured and was not sent. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The client sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The statistics are not available at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPromptStats: {
        parameters: {
            query?: {
                /** @description Only events under this lens; `none` for events without one. */
                lens?: string;
                /** @description Only events whose lens has exactly this id, even when that is `none`. With `lens`, both must hold. */
                lensId?: string;
                /** @description Only events at this stage. */
                stage?: "genesis" | "exploration" | "synthesis" | "advocacy";
            };
            header?: never;
            path: {
                /** @description The prompt; not `.` or `..`. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The numbers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PromptTelemetryStats"];
                };
            };
            /** @description A parameter is not known, or has a value that is not allowed: `errors` lists what is. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A read token is configured and was not sent. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The client sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The statistics are not available at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listPromptPerformance: {
        parameters: {
            query?: {
                /** @description Prompts on a page. */
                limit?: number;
                /** @description Prompts to skip. */
                offset?: number;
                sort?: "avgDwellTimeMs" | "avgEntropyDelta" | "avg_dwell_time_ms" | "avg_entropy_delta" | "completions" | "impressions" | "lastSurfaced" | "last_surfaced" | "promptId" | "prompt_id" | "selectionRate" | "selection_rate" | "selections";
                order?: "asc" | "desc";
                /**
                 * @description Only prompts whose id contains this text. Case does not matter, nor how letters are composed (NFKD), nor characters
                 *     that nobody sees.
                 */
                search?: string;
                /** @description Only prompts with at least so many impressions. */
                min_impressions?: number;
                /**
                 * @description Only prompts whose id comes after this one in the order of `sort=promptId&order=asc`. To read a whole list page by
                 *     page while it changes, pass the last id of each page.
                 */
                after?: string;
                /** @description Only events under this lens; `none` for events without one. */
                lens?: string;
                /** @description Only events whose lens has exactly this id, even when that is `none`. With `lens`, both must hold. */
                lensId?: string;
                /** @description Only events at this stage. */
                stage?: "genesis" | "exploration" | "synthesis" | "advocacy";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of prompts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TelemetryPerformanceResponse"];
                };
            };
            /** @description A parameter is not known, or has a value that is not allowed: `errors` lists what is. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A read token is configured and was not sent. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The client sends too many requests. */
            429: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The statistics are not available at the moment. */
            503: {
                headers: {
                    /** @description Seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
