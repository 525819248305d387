// Judges one access token as a service of the guide does. Settings and token come as JSON on standard
// input; what the token says goes to standard output.
import { text } from 'node:stream/consumers';
import { accessTokens } from './guides/access-token.mjs';

const { token, ...settings } = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await accessTokens(settings).verify(token)));
