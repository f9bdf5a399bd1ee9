// The list of examples: its links keep the broker that the address names.

import { keepBroker } from './kit/dom.js';

keepBroker();
