// What arrives as json/plain is handed over as its text, and a Json is sent as it is.

import { METADATA_ENCODING_KEY, defaultPayloadConverter, encodingKeys, encodingTypes, type Payload, type PayloadConverter } from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding';
import { Json } from './json';

export const payloadConverter: PayloadConverter = {
  toPayload<T>(value: T): Payload {
    if (!(value instanceof Json)) return defaultPayloadConverter.toPayload(value);
    return { metadata: { [METADATA_ENCODING_KEY]: encodingKeys.METADATA_ENCODING_JSON }, data: encode(value.text) };
  },

  fromPayload<T>(payload: Payload): T {
    const encoding = payload.metadata?.[METADATA_ENCODING_KEY];
    if (encoding && payload.data && decode(encoding) === encodingTypes.METADATA_ENCODING_JSON) {
      return new Json(decode(payload.data)) as T;
    }
    return defaultPayloadConverter.fromPayload<T>(payload);
  },
};
